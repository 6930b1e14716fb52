"""What is missing is named, with one command that helps; nothing that is there is complained about."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.daemon import preflight, probes
from homeport.daemon.preflight import Check, Plan
from homeport.settings import Settings
from homeport.store.datadir import MARKER

MISSING = [
    Check("crun", False, "not installed", ">= 1.4", "apt-get install -y crun", ("crun",)),
    Check("nft", False, "not installed", "it keeps containers apart", "apt-get install -y nftables", ("nftables",)),
    Check("root", False, "user id 1000", "root, to start containers", "sudo homeport up"),
    Check("disk", True, "9.0 GiB free", ">= 2 GiB", "never shown"),
]


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where every trial works and nothing is installed."""
    for name in ("namespaces_complaint", "overlay_complaint", "cgroup_complaint", "port_complaint"):
        monkeypatch.setattr(probes, name, lambda *_: "")
    monkeypatch.setattr(probes, "first_line", lambda _: None)
    monkeypatch.setattr(probes, "answers", lambda *_: False)
    monkeypatch.setattr("shutil.which", lambda _: None)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


@pytest.mark.usefixtures("healthy")
def test_a_bare_machine_is_told_one_line_for_all_packages(tmp_path: Path) -> None:
    found = preflight.checks(Plan(Settings(tmp_path / "new")))
    assert "apt-get install -y buildah crun mmdebstrap nftables" in preflight.commands(found)
    assert "✗ crun" in preflight.render(found)


def test_the_screen_puts_packages_together_and_hides_fixes_that_are_not_needed() -> None:
    text = preflight.render(MISSING)
    assert "  apt-get install -y crun nftables\n  sudo homeport up" in text
    assert "never shown" not in text
    assert "not installed (needed: >= 1.4)" in text


def test_a_machine_that_has_everything_is_told_so() -> None:
    assert preflight.render(MISSING[3:]).endswith("This machine can run homeport.")


def test_the_json_form_says_whether_all_is_well() -> None:
    assert json.loads(preflight.to_json(MISSING))["ok"] is False
    assert json.loads(preflight.to_json(MISSING[3:])) == {
        "ok": True,
        "checks": [
            {"name": "disk", "ok": True, "found": "9.0 GiB free", "needed": ">= 2 GiB", "fix": "never shown", "packages": []}
        ],
    }


@pytest.mark.parametrize(
    ("said", "ok"),
    [("crun version 1.8.1", True), ("crun version 1.4", True), ("crun version 0.17", False), (None, False)],
)
def test_an_old_crun_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None, ok: bool) -> None:
    monkeypatch.setattr(probes, "first_line", lambda argv: said if argv[0] == "crun" else None)
    assert by_name(preflight.checks(Plan(Settings(tmp_path), running=True)))["crun"].ok is ok


@pytest.mark.parametrize(("version", "ok"), [("2.8.25-1b2c", True), ("2.6.12-1+deb12u2", False), ("3.0.1", False)])
def test_only_the_haproxy_series_that_was_tested_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, ok: bool
) -> None:
    monkeypatch.setattr(
        probes, "first_line", lambda argv: f"HAProxy version {version} 2026/01/01" if argv[-1] == "-v" else None
    )
    check = by_name(preflight.checks(Plan(Settings(tmp_path), running=True)))["HAProxy"]
    assert check.ok is ok
    assert ("Debian 12" in check.found) is version.startswith("2.6")


@pytest.mark.usefixtures("healthy")
def test_a_data_dir_is_ours_new_or_empty_and_nothing_else(tmp_path: Path) -> None:
    def verdict(path: Path) -> bool:
        return by_name(preflight.checks(Plan(Settings(path))))["data dir"].ok

    assert verdict(tmp_path / "new")
    assert verdict(tmp_path)
    (tmp_path / "lost+found").mkdir()
    assert verdict(tmp_path)
    (tmp_path / "thesis.tex").touch()
    assert not verdict(tmp_path)
    assert not verdict(tmp_path / "thesis.tex")
    (tmp_path / MARKER).write_text("{}")
    assert verdict(tmp_path)


def test_a_taken_port_is_refused_unless_it_is_ours(taken: int, tmp_path: Path) -> None:
    settings = Settings(tmp_path, api_port=taken)
    stranger = by_name(preflight.checks(Plan(settings)))["API port"]
    assert not stranger.ok
    assert f"sport = :{taken}" in stranger.fix
    assert by_name(preflight.checks(Plan(settings, running=True)))["API port"].ok


def test_a_port_is_looked_at_on_the_address_that_it_is_to_be_used_on(taken: int, tmp_path: Path) -> None:
    def verdicts(address: str) -> dict[str, bool]:
        ports = {"api_port": taken, "http_port": taken, "https_port": taken}
        settings = Settings(tmp_path, api_bind=address, http_bind=address, tls_cert="/cert.pem", **ports)
        return {name: check.ok for name, check in by_name(preflight.checks(Plan(settings))).items() if "port" in name}

    assert verdicts("127.0.0.2") == {"API port": True, "HTTP port": True, "HTTPS port": True}
    assert verdicts("0.0.0.0") == {"API port": False, "HTTP port": False, "HTTPS port": False}


@pytest.mark.parametrize(("free", "ok"), [((2 << 30) - 1, False), (2 << 30, True)])
def test_a_full_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, ok: bool) -> None:
    monkeypatch.setattr(probes, "free_bytes", lambda _: free)
    assert by_name(preflight.checks(Plan(Settings(tmp_path), running=True)))["disk"].ok is ok


def test_cgroups_are_found_in_version_1_version_2_and_both(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb pids\n")
    first = "32 31 0:29 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n33 31 0:29 / /c/memory rw - cgroup cgroup rw,memory\n"
    second = f"41 31 0:38 / {tmp_path} rw - cgroup2 cgroup2 rw\n"
    roots = probes.cgroup_roots(first + second)
    assert (roots["cpu"], roots["memory"], roots["pids"]) == ("/c/cpu", "/c/memory", str(tmp_path))
    assert "no cgroup controller for pids" in probes.cgroup_complaint(first)


@pytest.mark.host
def test_this_machine_passes_and_nothing_is_left_in_the_data_dir(tmp_path: Path) -> None:
    found = preflight.checks(Plan(Settings(tmp_path, api_port=0, http_port=0)))
    assert [check for check in found if not check.ok] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.host
def test_a_file_system_without_overlay_is_noticed() -> None:
    assert probes.overlay_complaint(Path("/proc")) != ""
