"""One step of an image as its builder was told it: Dockerfile lines, and what they need of this machine and the platform.

A value; resolves itself when the manifest is made, and reads no file before. Never imported inside containers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidError
from ..manifest.schema import ImageStep
from . import readers
from .needs import LocalFiles, Resolver
from .secret import Secret, refs
from .volume import Volume

Lines = Callable[[], Sequence[str]]
Context = tuple[tuple[str, LocalFiles], ...]  # by path in the context


@dataclass(frozen=True, slots=True)
class Extras:
    """What most building methods take besides their own arguments."""

    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[tuple[str, Volume], ...] = ()
    gpu: tuple[str, ...] = ()
    force: bool = False

    @classmethod
    def of(
        cls,
        *,
        env: object = None,
        secrets: object = None,
        volumes: object = None,
        gpu: object = None,
        force_build: object = False,
    ) -> Extras:
        """From the arguments of those names. Raises InvalidError for what is not legal."""
        return cls(
            env=readers.environment(env),
            secrets=readers.secrets(secrets or ()),
            volumes=tuple(sorted(readers.volumes(volumes).items(), key=lambda item: item[0])),
            gpu=tuple(each.upper() for each in readers.texts("gpu", gpu)),
            force=readers.flag("force_build", force_build),
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """`lines` may be a function where they depend on a local file, which is then read when the manifest is made."""

    method: str
    lines: tuple[str, ...] | Lines = ()
    contexts: tuple[Context, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    extras: Extras = Extras()
    function: object | None = None  # a `sdk.build_function.Call`
    timeout_s: int = 3600

    def step(self, resolver: Resolver) -> ImageStep:
        """For the manifest. Raises what the resolver raises, and InvalidError naming a file that can't be read."""
        from .build_function import Call

        extras = self.extras
        return ImageStep(
            method=self.method,
            lines=tuple(self.lines() if callable(self.lines) else self.lines),
            contexts=tuple(resolver.tree(dict(context)) for context in self.contexts),
            build_args=self.build_args,
            env=extras.env,
            secrets=refs(extras.secrets, resolver),
            volumes=tuple(volume._mount(path, resolver) for path, volume in extras.volumes),
            function=self.function.resolved(resolver) if isinstance(self.function, Call) else None,
            timeout_s=self.timeout_s,
            gpu=extras.gpu,
            force=extras.force,
        )


def copied(files: Mapping[str, LocalFiles]) -> Context:
    return tuple(sorted(files.items(), key=lambda item: item[0]))


def read(path: Path, what: str) -> str:
    """The text of a local file. Raises InvalidError saying `what` it should have been."""
    try:
        return path.read_text()
    except FileNotFoundError:
        raise InvalidError(f"There is no {what} at {path}; paths are relative to the folder where you deploy.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"The {what} {path} can't be read: {error}.") from None


def local_file(path: object, what: str) -> LocalFiles:
    """A local file that has to be there. Raises InvalidError if it is not."""
    if not isinstance(path, str | Path):
        raise InvalidError(f"The {what} must be a path, not {path!r}.")
    local = Path(path).expanduser().absolute()
    if not local.is_file():
        raise InvalidError(f"There is no {what} at {local}; paths are relative to the folder where you deploy.")
    return LocalFiles(local)


def project_files(folder: object, needed: str, lock: str | None, wanted: Sequence[str]) -> Context:
    """`needed`, `lock` unless None, and those of `wanted` that are there. Raises InvalidError naming what is missing."""
    if not isinstance(folder, str | Path):
        raise InvalidError(f"The project's folder must be a path, not {folder!r}.")
    place = Path(folder).expanduser().absolute()
    names = [needed, *([lock] if lock else []), *(name for name in wanted if (place / name).is_file())]
    return copied({name: local_file(place / name, name) for name in dict.fromkeys(names)})


def poetry_files(pyproject: object, lockfile: object, *, ignore_lockfile: bool) -> Context:
    """As Poetry names them. Raises InvalidError naming the one that is missing."""
    files = {"pyproject.toml": local_file(pyproject, "pyproject.toml")}
    if not ignore_lockfile:
        beside = lockfile if lockfile is not None else files["pyproject.toml"].local.with_name("poetry.lock")
        files["poetry.lock"] = local_file(beside, "poetry.lock (or give `ignore_lockfile=True`)")
    return copied(files)


def commands_of(method: str, commands: Sequence[object]) -> list[str]:
    """Texts and lists of texts as one list. Raises InvalidError for anything else, or an empty one."""
    found = [text for command in commands for text in readers.texts(method, command)]
    for text in found:
        if not text.strip():
            raise InvalidError(f"`{method}` has an empty command.")
    return found
