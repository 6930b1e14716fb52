"""Settings: defaults, the file, the command line, and what each refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homeport.errors import InvalidError
from homeport.settings import FILE, load
from homeport.settings_doc import document

ROOT = Path(__file__).parents[1]


def test_the_command_line_goes_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('workspace = "lab"\napi_port = 9000\nrouting_regions = ["us-east", "eu-west"]\n')
    settings = load(tmp_path, {"api_port": 9001, "http_port": None})
    assert (settings.workspace, settings.api_port, settings.http_port) == ("lab", 9001, 8080)
    assert settings.routing_regions == ("us-east", "eu-west")
    assert settings.data_dir == tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("workspace = ", "is not TOML"),
        ('colour = "red"', "'colour'"),
        ('api_port = "many"', "api_port has to be like 7300"),
        ("api_port = 0", "between 1 and 65535"),
        ("api_port = 8080", "have to differ"),
        ('workspace = "My Place"', "lower-case"),
        ("cpu_overcommit = 0", "at least 1"),
        ('tls_key = "/etc/key.pem"', "tls_key without tls_cert"),
        ("https_redirect = true", "set tls_cert"),
        ('tls_cert = "cert.pem"', "absolute path"),
        ('tls_cert = "/etc/cert.pem"\nhttps_port = 8080', "http_port and https_port are both 8080"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_naming_it(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InvalidError, match=words):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("api_bind", "http_bind", "ok"),
    [("127.0.0.1", "192.0.2.1", True), ("127.0.0.1", "127.0.0.1", False), ("0.0.0.0", "192.0.2.1", False)],
)
def test_two_ports_may_only_be_one_number_on_two_addresses(
    tmp_path: Path, api_bind: str, http_bind: str, *, ok: bool
) -> None:
    (tmp_path / FILE).write_text(f'api_bind = "{api_bind}"\nhttp_bind = "{http_bind}"\napi_port = 8080')
    if ok:
        assert load(tmp_path, {}).api_port == 8080
        return
    with pytest.raises(InvalidError, match="api_port and http_port are both 8080"):
        load(tmp_path, {})


def test_an_url_names_its_port_unless_it_is_the_usual_one(tmp_path: Path) -> None:
    assert load(tmp_path, {"http_port": 80}).server_url("a.localhost") == "http://a.localhost"
    assert load(tmp_path, {}).server_url("a.localhost") == "http://a.localhost:8080"


def test_with_a_certificate_urls_are_https(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('tls_cert = "/etc/cert.pem"')
    assert load(tmp_path, {}).server_url("a.localhost") == "https://a.localhost:8443"
    assert load(tmp_path, {"https_port": 443}).server_url("a.localhost") == "https://a.localhost"


def test_the_document_has_every_setting_with_its_default() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == document()


def test_every_variable_that_homeport_reads_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    documented = (ROOT / "docs" / "environment.md").read_text()
    assert set(re.findall(r"\bHOMEPORT_[A-Z_]*[A-Z]\b", source)) <= set(re.findall(r"HOMEPORT_[A-Z_]*[A-Z]", documented))
