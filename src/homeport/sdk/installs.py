"""Dockerfile lines that install packages. Pure text: arguments in, lines out. Never imported inside containers."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidError
from . import readers
from .layer import read

UV = "/opt/uv/bin/uv"
UV_PROJECT = "/opt/uv/project"
POETRY_PROJECT = "/opt/poetry/project"
_TOKENS = {"github.com": "GITHUB_TOKEN", "gitlab.com": "GITLAB_TOKEN"}


@dataclass(frozen=True, slots=True)
class Indexes:
    """Where packages are looked for, and what else the installer is told."""

    find_links: str | None = None
    index_url: str | None = None
    extra_index_url: str | None = None
    pre: bool = False
    extra_options: str = ""

    def words(self, pre: str = "--pre") -> list[str]:
        named = (
            ("--find-links", self.find_links),
            ("--index-url", self.index_url),
            ("--extra-index-url", self.extra_index_url),
        )
        words = [word for name, value in named if value for word in (name, shlex.quote(value))]
        if self.pre:
            words.append(pre)
        return [*words, self.extra_options] if self.extra_options else words


def packages_of(method: str, packages: Sequence[object]) -> list[str]:
    """Texts and lists of texts as one list. Raises InvalidError for anything else, and for words that are options."""
    found: list[str] = []
    for package in packages:
        found += readers.texts(method, package)
    for name in found:
        if not name.strip() or name.startswith("-"):
            raise InvalidError(f"`{method}`: {name!r} is not a package; options go into `extra_options`.")
    return found


def pip(packages: Sequence[str], indexes: Indexes) -> tuple[str, ...]:
    """semantics 5.6; sorted, so that the same packages in another order are the same layer."""
    words = ["python3 -m pip install", *map(shlex.quote, sorted(packages)), *indexes.words()]
    return (f"RUN {' '.join(words)}",)


def pip_requirements(indexes: Indexes, context: int = 0) -> tuple[str, ...]:
    """The file is in the build context as `requirements.txt`."""
    words = ["python3 -m pip install -r /opt/pip/requirements.txt", *indexes.words()]
    return (f"COPY --from=context{context} /requirements.txt /opt/pip/requirements.txt", f"RUN {' '.join(words)}")


def pyproject_dependencies(path: Path, optional: Sequence[str]) -> list[str]:
    """What a pyproject.toml depends on. Raises InvalidError for a file or a group that is not there."""
    try:
        project = tomllib.loads(read(path, "pyproject.toml")).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"{path} is not TOML: {error}.") from None
    if "dependencies" not in project:
        raise InvalidError(f"{path} has no [project] with `dependencies`; use `pip_install` or another installer's method.")
    groups: Mapping[str, Any] = project.get("optional-dependencies", {})
    for group in optional:
        if group not in groups:
            raise InvalidError(
                f"{path} has no optional dependencies {group!r}; it has {', '.join(sorted(groups)) or 'none'}."
            )
    return [*project["dependencies"], *(item for group in optional for item in groups[group])]


def private_repositories(repositories: Sequence[str], indexes: Indexes) -> tuple[str, ...]:
    """`github.com/org/name@ref` each, with `git_logins` in the environment."""
    urls = [shlex.quote(f"git+https://{repository}") for repository in sorted(repositories)]
    return (*apt(["git"]), f"RUN {' '.join(['python3 -m pip install', *urls, *indexes.words()])}")


def git_logins(repositories: Sequence[str], git_user: str) -> dict[str, str]:
    """An environment in which git asks a shell function for the token: a Secret's GITHUB_TOKEN or GITLAB_TOKEN.

    In an address the token would be in command lines, which everybody on the machine can read.
    Raises InvalidError for a repository of another form.
    """
    hosts = set()
    for repository in repositories:
        host = repository.partition("/")[0]
        if host not in _TOKENS or repository.count("/") < 2:
            raise InvalidError(
                f"{repository!r} is not a repository like github.com/org/name@ref or gitlab.com/org/name@ref."
            )
        hosts.add(host)
    settings = {"GIT_CONFIG_COUNT": str(len(hosts))}
    for number, host in enumerate(sorted(hosts)):
        said = f'{shlex.quote(f"username={git_user}")} "password=${_TOKENS[host]}"'
        settings[f"GIT_CONFIG_KEY_{number}"] = f"credential.https://{host}.helper"
        settings[f"GIT_CONFIG_VALUE_{number}"] = f"!f() {{ printf '%s\\n' {said}; }}; f"
    return settings


def apt(packages: Sequence[str]) -> tuple[str, ...]:
    names = " ".join(map(shlex.quote, sorted(packages)))
    return (
        "RUN apt-get update && apt-get install -y --no-install-recommends "
        f"{names} && apt-get clean && rm -rf /var/lib/apt/lists/*",
    )


def uv(version: str | None) -> tuple[str, ...]:
    """uv itself, beside the image's own Python packages; that of an earlier step will do, unless a version is wanted."""
    install = "python3 -m pip install --root-user-action=ignore --upgrade --target /opt/uv"
    return (f"RUN {install} {shlex.quote(f'uv=={version}')}" if version else f"RUN test -x {UV} || {install} uv",)


def uv_pip(packages: Sequence[str], requirements: int, indexes: Indexes) -> tuple[str, ...]:
    """requirements: how many files, in the contexts from 0 on."""
    copies = tuple(f"COPY --from=context{n} /requirements.txt /opt/uv/requirements-{n}.txt" for n in range(requirements))
    words = [f'{UV} pip install --python "$(command -v python3)" --break-system-packages --compile-bytecode']
    words += [f"-r /opt/uv/requirements-{n}.txt" for n in range(requirements)]
    words += [*map(shlex.quote, sorted(packages)), *indexes.words("--prerelease allow")]
    return (*copies, f"RUN {' '.join(words)}")


def uv_sync(groups: Sequence[str], extras: Sequence[str], *, frozen: bool, extra_options: str) -> tuple[str, ...]:
    """The project's files are in context0; its environment goes first in PATH from then on."""
    words = [f"cd {UV_PROJECT} && {UV} sync --no-install-project --no-install-workspace --compile-bytecode"]
    words.append('--python "$(command -v python3)"')
    words += [word for group in groups for word in ("--group", shlex.quote(group))]
    words += [word for extra in extras for word in ("--extra", shlex.quote(extra))]
    words += ["--frozen"] if frozen else []
    words += [extra_options] if extra_options else []
    return (
        f"COPY --from=context0 / {UV_PROJECT}/",
        f"RUN {' '.join(words)}",
        f"ENV PATH={UV_PROJECT}/.venv/bin:$PATH",
    )


@dataclass(frozen=True, slots=True)
class Poetry:
    version: str | None
    old_installer: bool
    with_: tuple[str, ...]
    without: tuple[str, ...]
    only: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """The project's files are in context0; packages go into the image's own Python."""
        wanted = "poetry" if self.version in (None, "latest") else shlex.quote(f"poetry=={self.version}")
        poetry = "PYTHONPATH=/opt/poetry/lib python3 -m poetry"
        install = [f"cd {POETRY_PROJECT} && {poetry} install --no-root --no-interaction"]
        named = (("--with", self.with_), ("--without", self.without), ("--only", self.only))
        install += [f"{option} {shlex.quote(','.join(names))}" for option, names in named if names]
        settings = f"{poetry} config virtualenvs.create false"
        if self.old_installer:
            settings += f" && {poetry} config installer.modern-installation false"
        return (
            f"RUN python3 -m pip install --root-user-action=ignore --target /opt/poetry/lib {wanted}",
            f"COPY --from=context0 / {POETRY_PROJECT}/",
            f"RUN {settings} && {' '.join(install)}",
        )


def micromamba(packages: Sequence[str], channels: Sequence[str], *, spec_file: bool) -> tuple[str, ...]:
    """The spec file, where there is one, is in context0 as `spec.yml`."""
    words = ["micromamba install -n base --yes"]
    words += [f"--channel {shlex.quote(channel)}" for channel in channels]
    words += ["--file /opt/micromamba/spec.yml"] if spec_file else []
    words += map(shlex.quote, sorted(packages))
    copy = ("COPY --from=context0 /spec.yml /opt/micromamba/spec.yml",) if spec_file else ()
    return (*copy, f"RUN {' '.join(words)}", "RUN micromamba clean --all --yes")


def command(text: str) -> str:
    """A shell command as one line, whatever the image's shell is; one of several lines is a script that ends at its first
    failure.
    """
    joined = text.replace("\\\n", "").strip()
    if "\n" not in joined:
        return f"RUN {joined}"
    script = " ".join(map(shlex.quote, joined.split("\n")))
    return f"RUN set -e; eval \"$(printf '%s\\n' {script})\""


def exec_form(word: str, argv: Sequence[object]) -> str:
    """`ENTRYPOINT ["a", "b"]`. Raises InvalidError for what is not a list of texts."""
    if isinstance(argv, str):
        raise InvalidError(f"`{word.lower()}` takes a list of texts, as in ['python', '-m', 'app'], not {argv!r}.")
    return f"{word} {json.dumps([readers.text(word.lower(), each) for each in argv])}"


def environment(variables: Mapping[object, object]) -> str:
    """`ENV` with every value quoted, so that a Dockerfile's own rules change nothing in it."""
    pairs = []
    for name, value in variables.items():
        if not isinstance(name, str) or not name or "=" in name or any(c.isspace() or c == "\0" for c in name):
            raise InvalidError(f"Image.env: {name!r} is not a name for an environment variable.")
        if not isinstance(value, str):
            raise InvalidError(f"Image.env: the value of {name} must be text, not {value!r}.")
        if "\n" in value or "\0" in value:
            raise InvalidError(f"Image.env: the value of {name} has a line break; use a Secret for it.")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        pairs.append(f'{name}="{quoted}"')
    return f"ENV {' '.join(pairs)}"
