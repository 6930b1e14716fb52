"""What things may be called, and the host names that follow from it. Pure text; knows no object that has a name.

Each `…_problem` function answers None, or one sentence that says what is wrong with the name and what would be right.
"""

from __future__ import annotations

import hashlib
import re

APP_NAME_MAX = 64
TAG_MAX = 50
APP_TAG_MAX = 63
LABEL_MAX = 63
WEB_SUFFIX_MAX = 32

_APP_ID = re.compile(r"ap-[a-zA-Z0-9]{22}")
_NAME = re.compile(r"[._-]*[a-zA-Z0-9][a-zA-Z0-9._-]*")  # `.` and `..` would be folded out of a path
_APP_TAG = re.compile(r"[a-zA-Z0-9._-]{1,63}")
_DEPLOYMENT_TAG = re.compile(r"[a-zA-Z0-9._-]{1,50}")
_WEB_SUFFIX = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

_KEPT_OF_LONG_LABEL = 56
_HASH_OF_LONG_LABEL = 6


def is_app_id(text: str) -> bool:
    """Whether `text` is an App id (`ap-` and 22 alphanumerics) and not a name."""
    return _APP_ID.fullmatch(text) is not None


def app_name_problem(name: str) -> str | None:
    """Semantics 1.1.16."""
    return None if _legal_name(name) and not is_app_id(name) else _name_words("App", name)


def object_name_problem(kind: str, name: str) -> str | None:
    """As for Apps, for a Server, Secret, Volume or Proxy; `kind` is that word."""
    return None if _legal_name(name) and not is_app_id(name) else _name_words(kind, name)


def deployment_tag_problem(tag: str) -> str | None:
    """Semantics 1.3.4. The empty tag means that there is none, and is fine."""
    if not tag or _DEPLOYMENT_TAG.fullmatch(tag):
        return None
    return f"Deployment tag {tag!r} is invalid. Use 1 to {TAG_MAX} letters, digits, dashes, periods and underscores."


def strategy_problem(strategy: str) -> str | None:
    """Semantics 1.3: how a new version may take over."""
    if strategy in ("rolling", "recreate"):
        return None
    return f"Deployment strategy must be 'rolling' or 'recreate', not {strategy!r}"


def app_tag_problem(key: str, value: str) -> str | None:
    """One key and value of an App's tags (semantics 1.10.1)."""
    for what, text in (("key", key), ("value", value)):
        if not _APP_TAG.fullmatch(text):
            return (
                f"App tag {what} {text!r} is invalid. Use 1 to {APP_TAG_MAX} letters, digits, dashes, periods, underscores."
            )
    return None


def region_problem(region: str) -> str | None:
    """A routing region becomes a label of the host name; which regions exist is for the platform to say."""
    if not region:
        return "The `routing_region` argument must be passed."
    if _REGION.fullmatch(region):
        return None
    return f"Routing region {region!r} is invalid. Use lower-case letters, digits and dashes, as in 'us-east'."


def web_suffix_problem(suffix: str) -> str | None:
    """What tells an environment's URLs from others (semantics 6.4.3). Empty means that there is none, and is fine."""
    if not suffix or (len(suffix) <= WEB_SUFFIX_MAX and _WEB_SUFFIX.fullmatch(suffix)):
        return None
    return f"Invalid web suffix: {suffix!r}. Use 1 to {WEB_SUFFIX_MAX} lower-case letters and digits, single dashes between."


def web_suffix_of(environment: str) -> str:
    """The web suffix that follows from an environment's name when none was chosen."""
    return re.sub("-+", "-", normalise(environment))[:WEB_SUFFIX_MAX].strip("-")


def normalise(text: str) -> str:
    """Lower case, every character that is no letter, digit or dash becomes a dash (semantics 3.6.7)."""
    return re.sub(r"[^a-z0-9-]", "-", text.lower())


def shorten(label: str) -> str:
    """A label of at most 63 characters: a longer one is cut and given a hash of the whole (semantics 3.6.8)."""
    if len(label) <= LABEL_MAX:
        return label
    digest = hashlib.sha256(label.encode()).hexdigest()
    return f"{label[:_KEPT_OF_LONG_LABEL]}-{digest[:_HASH_OF_LONG_LABEL]}"


def server_host(  # noqa: PLR0913 - the six parts of an address
    workspace: str, environment_suffix: str, app: str, server: str, *, region: str, domain: str
) -> str:
    """The host name of a Server's URL (semantics 2.2.1), without port.

    `environment_suffix` is empty for the default environment. Dashes at the label's end are cut: DNS allows none there.
    """
    where = f"{workspace}-{environment_suffix}" if environment_suffix else workspace
    label = normalise(f"{where}--{app}-{server}").strip("-")
    return f"{shorten(label)}.{region}.{domain}"


def _legal_name(name: str) -> bool:
    return len(name) <= APP_NAME_MAX and _NAME.fullmatch(name) is not None


def _name_words(kind: str, name: str) -> str:
    return (
        f"Invalid {kind} name: {name!r}. Names may contain only letters, digits, dashes, periods and underscores, must have "
        f"a letter or digit and at most {APP_NAME_MAX} characters, and cannot look like an App id (ap-…)."
    )
