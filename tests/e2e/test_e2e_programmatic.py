"""Apps that scripts deploy, look up and label: one program, as a person would write it, against a real platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from e2e_harness import COMMAND_LIMIT_S, Answer, Box
from e2e_sources import server

SCRIPT = '''
import asyncio
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import homeport

SERVE = (
    "import sys\\n"
    "from http.server import *\\n"
    "class Handler(BaseHTTPRequestHandler):\\n"
    "    def do_GET(self):\\n"
    "        self.send_response(200)\\n"
    "        self.end_headers()\\n"
    "        self.wfile.write(sys.argv[1].encode())\\n"
    "ThreadingHTTPServer(('0.0.0.0', 8000), Handler).serve_forever()\\n"
)
one, two, three = (homeport.App(f"script-{name}", tags={"of": name}) for name in ("one", "two", "three"))


def serve(text):
    subprocess.Popen(["python3", "-c", SERVE, text])


@one.server(unauthenticated=True, cpu=0.05)
class One:
    @homeport.enter()
    def start(self):
        serve("one")


@two.server(unauthenticated=True, cpu=0.05)
class Two:
    @homeport.enter()
    def start(self):
        serve("two")


@three.server(unauthenticated=True, cpu=0.05)
class Three:
    @homeport.enter()
    def start(self):
        serve("three")


async def notebook():
    """A loop runs: both forms work, and the blocking one blocks nobody for ever."""
    three.deploy()
    again = await asyncio.gather(*(app.deploy.aio() for app in (one, two, three)))
    assert again == [one, two, three]
    return [await app.get_tags.aio() for app in again]


if __name__ == "__main__":
    assert one.app_id is None
    try:
        one.deploy(strategy="x")
    except homeport.exception.InvalidError as error:
        refused = str(error)
    assert one.app_id is None
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda app: app.deploy(), (one, two)))
    tags = asyncio.run(notebook())
    one.set_tags({"cost-center": "7"})
    found = homeport.App.lookup("script-one")
    assert found.app_id == one.app_id == homeport.App.lookup(one.app_id).app_id
    assert found.get_dashboard_url() == one.get_dashboard_url()
    empty = homeport.App.lookup("script-empty", create_if_missing=True)
    assert homeport.App.lookup("script-empty", create_if_missing=True).app_id == empty.app_id
    passing = homeport.App.lookup("script-passing", create_if_missing=True)
    passing.stop()
    try:
        passing.stop()
    except homeport.exception.ConflictError as error:
        twice = str(error)
    print(json.dumps({
        "words": [refused, twice],
        "tags": tags,
        "set": found.get_tags(),
        "ids": [app.app_id for app in (one, two, three, empty)],
        "urls": [s.get_url() for app in (one, two, three) for s in app.registered_servers.values()],
        "dashboard": empty.get_dashboard_url(),
    }))
'''


def run(box: Box, text: str) -> Any:
    """What the script printed, as JSON."""
    path = box.write("script.py", text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOMEPORT_", "MODAL_"))}
    environment = {**kept, "HOMEPORT_DATA_DIR": str(box.data_dir)}
    done = subprocess.run(
        [sys.executable, path], env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_script_deploys_several_apps_at_once_and_again_and_finds_them(box: Box) -> None:
    """Deploys from a script and from a running loop, look-ups, tags, `App.stop()` (1.8.7). Check 11.21."""
    said = run(box, SCRIPT)
    assert said["tags"] == [{"of": "one"}, {"of": "two"}, {"of": "three"}]
    assert said["set"] == {"cost-center": "7"}
    assert [box.get(url) for url in said["urls"]] == [Answer(200, text) for text in ("one", "two", "three")]
    listed = {app["description"]: app for app in box.json("app", "list")}
    assert [listed[f"script-{name}"]["app_id"] for name in ("one", "two", "three", "empty")] == said["ids"]
    for name in ("one", "two", "three"):
        assert [entry["version"] for entry in box.json("app", "history", f"script-{name}")] == [1]  # the rest were no-ops
    assert said["dashboard"].endswith(said["ids"][3])
    assert box.ok("app", "dashboard", "script-empty") == said["dashboard"] + "\n"
    refused, twice = said["words"]
    assert refused == "Deployment strategy must be 'rolling' or 'recreate', not 'x'"
    assert twice.startswith("App is already stopped. (Stopped at 20")
    assert listed["script-passing"]["state"] == "stopped"


BACK_AND_OVER = """
import asyncio, json, homeport
app = homeport.App.lookup("steps")
url = homeport.Server.from_name("steps", "Server").get_url
urls = [app.rollback() is app and url(), asyncio.run(app.rollover.aio(strategy="recreate")) is app and url()]
try:
    app.rollback(9)
except homeport.exception.NotFoundError as error:
    print(json.dumps([*urls, str(error)]))
"""


def test_a_script_goes_back_to_the_version_before_and_over_to_new_containers(box: Box) -> None:  # 1.6, 1.7
    for text in ("one", "two"):
        url = box.deploy("steps", server("steps", text))
    assert run(box, BACK_AND_OVER) == [url, url, "Rollback version not found in App history."]
    assert box.get(url) == Answer(200, "one")
    kinds = [(entry["type"], entry["rollback_version"]) for entry in box.json("app", "history", "steps")]
    assert kinds == [("rollover", 3), ("rollback", 1), ("standard", None), ("standard", None)]


def test_a_script_stops_its_app_and_its_url_says_so(box: Box) -> None:  # 1.8.7
    url = box.deploy("halted", server("halted"))
    run(box, "import homeport\nhomeport.App.lookup('halted').stop()\nprint('null')\n")
    assert box.get(url) == Answer(404, "modal-http: app for invoked web endpoint is stopped")
    assert box.containers("halted") == []


def test_an_app_that_was_made_empty_gets_its_servers_by_a_deploy_and_keeps_its_id(box: Box) -> None:  # 1.10.2
    made = run(
        box,
        "import homeport\napp = homeport.App.lookup('later', create_if_missing=True)\nprint('\"' + app.app_id + '\"')\n",
    )
    info = box.json("app", "info", "later")
    assert (info["app_id"], info["lifecycle"]["state"], info["servers"]) == (made, "deployed", {})
    url = box.deploy("later", server("later"))
    assert box.get(url) == Answer(200, "one")
    assert box.json("app", "info", "later")["app_id"] == made
    assert [entry["version"] for entry in box.json("app", "history", "later")] == [2, 1]
