"""What a user does first: deploy, call the URL, look at everything, stop."""

from __future__ import annotations

import json

import pytest
from e2e_harness import Answer, Box, wait_until
from e2e_sources import documents_example, server

CONTAINER_KEYS = {"container_id", "app_id", "app_name", "server", "version", "state", "host", "port", "started_at"}


def test_a_deploy_prints_the_tree_of_the_documents_and_its_url_answers(box: Box) -> None:
    """Check 11.20."""
    path = box.write("tree.py", server("tree"))
    lines = box.ok("deploy", str(path)).splitlines()
    url = box.json("server", "info", "tree/Server")["url"]
    assert lines[0].startswith("✓ Initialized. View app page at ")
    assert lines[1:4] == [
        "✓ Created objects.",
        f"├── 🔨 Mounted {path} at /root/tree.py",
        f"└── 🔨 Created Server => {url}",
    ]
    assert lines[4].startswith("✓ App deployed in ")
    assert lines[4].endswith("s! 🎉")
    assert lines[5] == ""
    assert lines[6].startswith("View Deployment: http")
    assert url == f"http://home--tree-server.us-east.localhost:{box.http_port}"
    assert box.get(url) == Answer(200, "one")


def test_everything_about_an_app_can_be_read_as_json(box: Box) -> None:
    url = box.deploy("reads", server("reads"), "--tag", "first")
    (line,) = [app for app in box.json("app", "list") if (app["description"], app["state"]) == ("reads", "deployed")]
    assert (line["state"], line["tasks"]) == ("deployed", "1")
    info = box.json("app", "info", "reads")
    assert (info["app_id"], info["lifecycle"]["state"], info["lifecycle"]["version"]) == (line["app_id"], "deployed", 1)
    assert info["servers"]["Server"]["url"] == url
    (entry,) = box.json("app", "history", "reads")
    assert (entry["version"], entry["tag"], entry["outcome"]) == (1, "first", "live")
    (container,) = box.containers("reads")
    assert container.keys() >= CONTAINER_KEYS
    assert (container["app_name"], container["server"], container["version"]) == ("reads", "Server", 1)
    assert (container["state"], container["port"]) == ("ready", 8000)
    status = box.json("status")
    assert status["data_dir"] == str(box.data_dir)
    assert status["control_plane"]["url"] == f"http://127.0.0.1:{box.api_port}"


def test_what_a_container_prints_can_be_read_as_lines_and_as_json(box: Box) -> None:
    box.deploy("talks", server("talks", enter='print("to stdout"); print("to stderr", file=sys.stderr); serve()'))
    its = ("--search", "to std")  # the platform may have said something as well: how it was started
    both = wait_until(lambda: _two_lines(box.ok("app", "logs", "talks", *its)), "two lines in the log")
    assert both == ["to stdout", "to stderr"]
    entries = [json.loads(line) for line in box.ok("app", "logs", "talks", *its, "--json").splitlines()]
    assert [(e["source"], e["text"]) for e in entries] == [("stdout", "to stdout"), ("stderr", "to stderr")]
    container = box.container("talks")["container_id"]
    assert box.ok("container", "logs", container, *its).splitlines() == ["to stdout", "to stderr"]


def _two_lines(text: str) -> list[str]:
    """None of them before there are two: what is printed is in the log a moment later."""
    lines = text.splitlines()
    return lines if len(lines) >= 2 else []


def test_exec_passes_on_output_and_exit_code(box: Box) -> None:
    box.deploy("execs", server("execs"))
    done = box.inside("execs", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


def test_the_same_again_is_skipped_and_changes_nothing(box: Box) -> None:
    """Check 11.1."""
    path = box.write("again.py", server("again"))
    box.ok("deploy", str(path))
    before = (box.containers("again"), box.json("app", "history", "again"))
    assert box.ok("deploy", str(path)).splitlines()[0] == "✓ Deployment skipped: no changes detected! ⏭️"
    assert (box.containers("again"), box.json("app", "history", "again")) == before


def test_a_stopped_app_answers_404_in_words_and_its_name_starts_again_at_v1(box: Box) -> None:
    """Check 11.15."""
    url = box.deploy("stops", server("stops"))
    first = box.json("app", "info", "stops")
    asked = box.run("app", "stop", "stops")
    assert asked.code == 1
    assert "This will immediately terminate 1 running container(s)." in asked.out + asked.err
    assert "Rerun with --yes (-y) to skip confirmation." in asked.err
    box.ok("app", "stop", "stops", "--yes")
    assert box.get(url) == Answer(404, "modal-http: app for invoked web endpoint is stopped")
    assert box.containers("stops") == []
    assert "already stopped" in box.run("app", "stop", "stops", "--yes").err
    assert box.deploy("stops", server("stops", "two")) == url
    second = box.json("app", "info", "stops")
    assert second["app_id"] != first["app_id"]
    assert second["lifecycle"]["version"] == 1
    assert box.get(url) == Answer(200, "two")


def test_a_host_that_nobody_has_is_a_404_in_words(box: Box) -> None:
    answer = box.get(f"http://home--nobody-server.us-east.localhost:{box.http_port}/")
    assert answer.status == 404
    assert answer.text


@pytest.mark.parametrize(("name", "imports"), [("docs-ours", "import homeport as modal"), ("docs-plain", "import modal")])
def test_the_example_of_the_documents_deploys_as_printed(box: Box, name: str, imports: str) -> None:
    url = box.deploy(name, documents_example(name, imports))
    answer = box.get(url)
    assert answer.status == 200
    assert "Directory listing for /" in answer.text


def test_a_package_is_deployed_by_its_module_name_and_lies_below_root(box: Box) -> None:
    box.write("shop/__init__.py", "")
    box.write("shop/words.py", 'TEXT = "from the package"\n')
    box.write(
        "shop/web.py", server("by-module").replace("'one'", "TEXT").replace("import os\n", "from .words import TEXT\n")
    )
    lines = box.ok("deploy", "-m", "shop.web").splitlines()
    assert f"├── 🔨 Mounted {box.root}/shop at /root/shop" in lines
    assert box.get(box.json("server", "info", "by-module/Server")["url"]) == Answer(200, "from the package")
