"""Reading the machine's apt configuration: the right mirror, and no password where others can read it."""

from __future__ import annotations

from homeport.images import mirror
from homeport.images.mirror import Archives, Source

DEB822 = """\
Types: deb
# a comment
URIs: http://user:secret@mirror.corp/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/corp.gpg

Types: deb deb-src
URIs: http://mirror.corp/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: sid
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib # why not
deb http://other.example/apt stable-of-theirs main
deb-src http://one.example/debian bookworm main
"""


def test_a_deb822_stanza_gives_one_source_for_each_suite() -> None:
    found = mirror.parse_deb822(DEB822)
    assert [source.suite for source in found] == ["bookworm", "bookworm-updates", "bookworm-security"]
    assert found[0].signed_by == "/usr/share/keyrings/corp.gpg"
    assert found[0].components == ("main", "contrib")


def test_one_line_entries_are_read_with_their_options_and_without_comments() -> None:
    assert mirror.parse_one_line(ONE_LINE) == [
        Source("http://one.example/debian", "bookworm", ("main", "contrib"), "/k.gpg"),
        Source("http://other.example/apt", "stable-of-theirs", ("main",)),
    ]


def test_the_machines_mirror_is_used_and_third_parties_are_not() -> None:
    found = mirror.archives([Source("https://deb.nodesource.com/node", "nodistro", ("main",)), *mirror.parse_deb822(DEB822)])
    assert found.main == "http://user:secret@mirror.corp/debian"
    assert found.security == "http://mirror.corp/debian-security"


def test_a_machine_that_is_no_debian_uses_the_public_mirror() -> None:
    found = mirror.archives([Source("http://archive.ubuntu.com/ubuntu", "jammy", ("main",))])
    assert found == Archives(mirror.MIRROR_DEFAULT, mirror.SECURITY_DEFAULT)


def test_a_mirror_without_a_security_archive_is_not_mixed_with_the_public_one() -> None:
    found = mirror.archives([Source("http://mirror.corp/debian", "bookworm", ("main",))])
    assert "security" not in mirror.sources_list(found, "trixie", "")


def test_the_suite_of_the_image_replaces_that_of_the_machine() -> None:
    text = mirror.sources_list(Archives("http://m/debian", "http://m/sec"), "trixie", "/k.gpg")
    assert text.splitlines() == [
        "deb [signed-by=/k.gpg] http://m/debian trixie main",
        "deb [signed-by=/k.gpg] http://m/debian trixie-updates main",
        "deb [signed-by=/k.gpg] http://m/sec trixie-security main",
    ]


def test_no_password_goes_into_an_image_or_a_repr() -> None:
    found = mirror.archives(mirror.parse_deb822(DEB822))
    assert "secret" not in mirror.sources_list(mirror.without_credentials(found), "bookworm", "")
    assert "secret" not in repr(found)


def test_proxies_are_inherited_and_lowered_signature_checks_are_not() -> None:
    dump = (
        'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://proxy:3128";\n'
        'Acquire::AllowInsecureRepositories "1";\nAcquire::https::CAInfo "/etc/corp.pem";\nAPT::Architecture "amd64";\n'
    )
    assert (
        mirror.inherited_settings(dump)
        == 'Acquire::http::Proxy "http://proxy:3128";\nAcquire::https::CAInfo "/etc/corp.pem";\n'
    )
