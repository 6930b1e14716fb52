"""URLs: the same for ever, legal however long the names are, and never two Servers behind one."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from e2e_harness import Answer, Box, wait_until
from e2e_sources import server


def test_a_server_keeps_its_url_over_versions_and_over_a_stop(box: Box) -> None:
    url = box.deploy("stays", server("stays", "one"))
    assert box.deploy("stays", server("stays", "two")) == url
    box.answers(url, "two")
    box.ok("app", "stop", "stays", "--yes")
    wait_until(lambda: box.get(url).status == 404, "404 from a stopped App")
    assert box.deploy("stays", server("stays", "three")) == url
    box.answers(url, "three")


def test_a_long_name_gets_a_short_host_that_answers(box: Box) -> None:  # 3.6.8
    app = "a" * 50 + "-Long_Name"
    url = box.deploy(app, server(app))
    long_label = f"home--{app.lower().replace('_', '-')}-server"
    label = (urlsplit(url).hostname or "").partition(".")[0]
    assert label == f"{long_label[:56]}-{hashlib.sha256(long_label.encode()).hexdigest()[:6]}"
    assert (len(label), box.get(url)) == (63, Answer(200, "one"))


def test_two_apps_whose_names_are_one_host_are_refused_and_the_first_goes_on(box: Box) -> None:
    url = box.deploy("col-lide", server("col-lide"))
    path = box.write("collide.py", server("Col_lide", "two"))
    for options in ((), ("--plan",)):
        done = box.run("deploy", str(path), *options)
        assert done.code == 1
        assert "belongs to Server Server of App 'col-lide'; give one of them another name." in done.err
    assert box.run("app", "info", "Col_lide").code == 1
    assert box.get(url) == Answer(200, "one")
    box.ok("app", "stop", "col-lide", "--yes")
    assert box.deploy("collide", server("Col_lide", "two")) == url  # it is free now
    box.answers(url, "two")


def test_two_servers_of_one_app_whose_names_are_one_host_are_refused(box: Box) -> None:
    text = server("twins")
    other = text[text.index("@app.server") :].replace("class Server", "class SERVER")
    done = box.run("deploy", str(box.write("twins.py", text + "\n\n" + other)))
    assert done.code == 1
    assert "Servers 'SERVER' and 'Server' would have the same URL; rename one of them." in done.err
    assert box.run("app", "info", "twins").code == 1
