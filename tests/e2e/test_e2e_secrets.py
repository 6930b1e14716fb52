"""Secrets from the command line to the container: where their values are, and where they are not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from e2e_harness import Box, kill, processes_naming, wait_until

VALUE = f"correct-horse-battery-{os.urandom(8).hex()}"
APP = """
import os, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import homeport

app = homeport.App("{name}")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get(self.path[1:], "not set").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@app.server(unauthenticated=True, cpu=0.05, secrets=[{secrets}], env={{"BOTH": "env"}})
class Server:
    @homeport.enter()
    def start(self):
        threading.Thread(target=HTTPServer(("0.0.0.0", 8000), Handler).serve_forever, daemon=True).start()
"""


def deploy(box: Box, name: str, secrets: str) -> str:
    return box.deploy(name, APP.format(name=name, secrets=secrets))


def holding(folder: Path, text: str) -> list[str]:
    """Files with this text in them."""
    found = subprocess.run(["grep", "-rlaF", "--devices=skip", text, str(folder)], capture_output=True, text=True)
    return found.stdout.splitlines()


def test_a_secret_reaches_its_container_and_no_other_place(box: Box) -> None:
    box.ok("secret", "create", "vault", f"TOKEN={VALUE}", "BOTH=secret", "FIRST=1")
    box.ok("secret", "create", "second", "FIRST=2")
    both = 'homeport.Secret.from_name("vault", required_keys=["TOKEN"]), homeport.Secret.from_name("second")'
    url = deploy(box, "secretive", both)
    assert [box.get(url, f"/{name}").text for name in ("TOKEN", "BOTH", "FIRST")] == [VALUE, "env", "2"]
    assert box.inside("secretive", "import os; print(os.environ['TOKEN'])").out.strip() == VALUE
    box.ok("app", "logs", "secretive")
    assert holding(box.data_dir, VALUE) == []
    assert VALUE not in box.ok("secret", "list", "--json") + box.ok("audit", "list", "--json") + box.ok(
        "app", "info", "secretive"
    )
    assert processes_naming(VALUE) == {}


def test_a_rollover_brings_a_changed_value_with_the_same_code(box: Box) -> None:
    """Check 11.7."""
    box.ok("secret", "create", "rolling", "TOKEN=old", "--force")
    url = deploy(box, "rolls", 'homeport.Secret.from_name("rolling")')
    box.ok("secret", "create", "rolling", "TOKEN=new", "--force")
    assert box.get(url, "/TOKEN").text == "old"
    assert "no changes" in box.ok("deploy", str(box.root / "rolls.py"))
    box.ok("app", "rollover", "rolls")
    assert box.get(url, "/TOKEN").text == "new"
    history = box.json("app", "history", "rolls")
    assert [(line["version"], line["type"], line["rollback_version"]) for line in history] == [
        (2, "rollover", 1),
        (1, "standard", None),
    ]


def test_what_is_missing_is_named_before_anything_starts(box: Box) -> None:
    path = str(box.write("lacking.py", APP.format(name="lacking", secrets='homeport.Secret.from_name("nowhere")')))
    done = box.run("deploy", path)
    assert done.code == 1
    assert "There is no Secret 'nowhere' in the 'main' environment." in done.err
    box.ok("secret", "create", "lacky", "A=1", "--force")
    both = 'homeport.Secret.from_name("lacky", required_keys=["A", "B"])'
    done = box.run("deploy", str(box.write("lacking.py", APP.format(name="lacking", secrets=both))))
    assert "Secret 'lacky' lacks the required key B;" in done.err
    assert box.run("app", "history", "lacking").code == 1


def test_a_container_that_can_not_have_its_secret_says_so_and_comes_when_it_is_back(box: Box) -> None:
    box.ok("secret", "create", "fleeting", "TOKEN=1", "--force")
    url = deploy(box, "fleet", 'homeport.Secret.from_name("fleeting")')
    box.ok("secret", "delete", "fleeting", "--yes")
    assert box.get(url, "/TOKEN").text == "1"
    kill(box.processes_of(box.container("fleet")["container_id"])["init"])
    words = "Secret 'fleeting' is not there (any more)"
    wait_until(lambda: any(words in c["reason"] for c in box.containers("fleet", "--all")), "a container that says so")
    box.ok("secret", "create", "fleeting", "TOKEN=2")
    assert deploy(box, "fleet", 'homeport.Secret.from_name("fleeting")') == url
    assert box.get(url, "/TOKEN").text == "2"


def test_values_of_the_code_make_a_version_only_when_they_change(box: Box) -> None:
    text = 'homeport.Secret.from_dict({{"TOKEN": "{}", "NONE": None}})'
    url = deploy(box, "values", text.format("one"))
    assert [box.get(url, f"/{name}").text for name in ("TOKEN", "NONE")] == ["one", "not set"]
    box.ok("deploy", str(box.root / "values.py"))
    assert len(box.json("app", "history", "values")) == 1
    assert box.run("deploy", str(box.root / "values.py"), "--plan").code == 0
    deploy(box, "values", text.format("two"))
    assert box.get(url, "/TOKEN").text == "two"
    assert len(box.json("app", "history", "values")) == 2


def test_secrets_survive_the_control_plane_and_a_change_of_the_key(box: Box) -> None:
    box.ok("secret", "create", "lasting", f"TOKEN={VALUE}", "--force")
    url = deploy(box, "lasts", 'homeport.Secret.from_name("lasting")')
    box.ok("secret", "rotate-key")
    box.kill_control_plane()
    assert box.get(url, "/TOKEN").text == VALUE
    box.up()
    box.ok("app", "rollover", "lasts")
    assert box.get(url, "/TOKEN").text == VALUE
