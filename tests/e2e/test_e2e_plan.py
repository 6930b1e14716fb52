"""A plan is true: it says what the deploy then does. And the audit log says who did it, until somebody edits it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from e2e_harness import WAIT_LIMIT_S, Answer, Box, running
from e2e_sources import server


def test_a_plan_names_what_changes_and_a_no_op_and_does_nothing(box: Box) -> None:
    text = server("foreseen", options="env={'KEY': 'top-secret'}")
    path = str(box.write("foreseen.py", text))
    first = box.run("deploy", path, "--plan")
    assert (first.code, "it would be new" in first.out) == (2, True)
    assert box.run("app", "info", "foreseen").code == 1
    url = box.deploy("foreseen", text)
    same = box.run("deploy", path, "--plan")
    assert (same.code, "the same manifest sha256:" in same.out, "as v1, live since" in same.out) == (0, True, True)

    box.write("foreseen.py", server("foreseen", "two", options="env={'KEY': 'other-secret'}, memory=256, port=8001"))
    changed = box.run("deploy", path, "--plan", "--json")
    plan = json.loads(changed.out)
    assert changed.code == 2
    assert {change["path"] for change in plan["changes"]} == {
        "files.foreseen.py",
        "servers.Server.env.KEY",
        "servers.Server.port",
        "servers.Server.resources.memory_mib",
    }
    assert "secret" not in changed.out + changed.err
    assert (box.get(url), box.json("app", "info", "foreseen")["lifecycle"]["version"]) == (Answer(200, "one"), 1)


def test_the_audit_log_tells_who_did_what_and_finds_an_edited_record(tmp_path: Path) -> None:
    with running(tmp_path) as box:
        box.deploy("shop", server("shop"))
        box.ok("app", "stop", "shop", "--yes")
        acts = box.json("audit", "list")
        assert [(act["actor"], act["action"], act["app_name"]) for act in acts] == [
            ("admin", "app.stop", "shop"),
            ("admin", "app.deploy", "shop"),
        ]
        assert box.json("audit", "verify")["ok"] is True
        record = acts[1]["record"]
        with sqlite3.connect(box.data_dir / "journal.db", timeout=WAIT_LIMIT_S) as connection:
            connection.executescript("DROP TRIGGER records_no_update")
            connection.execute("UPDATE records SET actor = 'mallory' WHERE seq = ?", (record,))
        connection.close()
        done = box.run("audit", "verify")
        assert done.code == 1
        assert f"record {record} (deployment.published) was changed after it was written" in done.err
        box.deploy("shop", server("shop"))  # the platform goes on, and so does the finding
        assert f"record {record} " in box.run("audit", "verify", "--json").out
        with sqlite3.connect(box.data_dir / "journal.db", timeout=WAIT_LIMIT_S) as connection:
            connection.executescript("DROP TRIGGER records_no_delete")
            connection.execute("DELETE FROM records WHERE seq = 2")
        connection.close()
        done = box.run("audit", "verify")
        assert (done.code, "record 2 is missing" in done.err) == (1, True), done
