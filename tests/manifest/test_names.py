"""Names and the host names that follow from them (semantics 1.1.16, 1.3.4, 2.2.1, 3.6.7, 3.6.8)."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.manifest import names

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
legal_names = st.from_regex(r"[._-]{0,31}[a-zA-Z0-9][a-zA-Z0-9._-]{0,32}", fullmatch=True)


@pytest.mark.parametrize("name", ["hello-server", "a", "A.b_c-9", "x" * 64, "ap-short", "ap-" + "a" * 23, "..a", "_9_"])
def test_a_legal_app_name_is_taken(name: str) -> None:
    assert names.app_name_problem(name) is None


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "größe", "a\n", ".", "..", "._-", "ap-" + "a1B2" * 5 + "xy"])
def test_an_illegal_app_name_is_refused_in_words(name: str) -> None:
    problem = names.app_name_problem(name)
    assert problem is not None
    assert problem.startswith(f"Invalid App name: {name!r}.")


def test_an_app_id_is_told_from_a_name() -> None:
    assert names.is_app_id("ap-" + "a1B2" * 5 + "xy")
    assert not names.is_app_id("ap-hello")
    assert not names.is_app_id("ap-" + "a1B2" * 5 + "xy\n")


@pytest.mark.parametrize(
    ("tag", "legal"), [("", True), ("v1.2_a-B", True), ("x" * 50, True), ("x" * 51, False), ("a b", False)]
)
def test_a_deployment_tag_is_checked(tag: str, legal: bool) -> None:
    problem = names.deployment_tag_problem(tag)
    assert (problem is None) == legal
    assert legal or f"Deployment tag {tag!r} is invalid." in str(problem)


def test_the_host_of_the_documents_example() -> None:
    host = names.server_host("home", "", "hello-server", "Server", region="us-east", domain="localhost")
    assert host == "home--hello-server-server.us-east.localhost"
    dev = names.server_host("home", "dev", "My_App.x", "Server", region="eu-west", domain="example.org")
    assert dev == "home-dev--my-app-x-server.eu-west.example.org"


def test_a_label_that_is_too_long_keeps_56_characters_and_gets_a_hash_of_the_whole() -> None:
    long = "w--" + "a" * 64 + "-server"
    short = names.shorten(long)
    assert short == long[:56] + "-" + hashlib.sha256(long.encode()).hexdigest()[:6]
    assert len(short) == 63
    assert names.shorten("b" * 63) == "b" * 63


@given(legal_names, legal_names)
def test_every_host_is_legal_dns(app: str, server: str) -> None:
    label, _, rest = names.server_host("home", "dev", app, server, region="us-east", domain="localhost").partition(".")
    assert LABEL.fullmatch(label)
    assert rest == "us-east.localhost"


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert names.normalise(names.normalise(text)) == names.normalise(text)


@pytest.mark.parametrize(
    ("region", "legal"), [("us-east", True), ("x", True), ("", False), ("US", False), ("a.b", False), ("-a", False)]
)
def test_a_region_must_be_a_label(region: str, legal: bool) -> None:
    assert (names.region_problem(region) is None) == legal
