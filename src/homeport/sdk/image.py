"""`Image`: an immutable value that says how a container's file system is made (semantics 5). Builds nothing by itself.

Owns where an image begins; what may follow is in `image_packages` and `image_steps`. Runs in containers too.
"""

from __future__ import annotations

from .image_chain import Base
from .image_packages import InstallMethods
from .image_steps import StepMethods
from .remote import is_local
from .twins import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Any, Concatenate, ParamSpec, Self

    from ..client.http import Client
    from .app import App
    from .image_packages import Env, Gpu, Secrets
    from .secret import Secret

    P = ParamSpec("P")


class Image(InstallMethods, StepMethods):
    """A container's file system; start with a class method, as `Image.debian_slim()`. Each method returns a new image."""

    __slots__ = ()

    @classmethod
    def debian_slim(cls, python_version: str | None = None, *, force_build: bool = False) -> Self:
        """A small Debian with Python and pip.

        python_version: "3.11" or "3.11.2"; None is the version that runs this. force_build: make it anew. Raises
        InvalidError for another form of version.
        """
        return cls._begin(lambda: Base("debian_slim", python_version=_checked_version(python_version), force=force_build))

    @classmethod
    def from_registry(
        cls,
        tag: str,
        secret: Secret | None = None,
        *,
        setup_dockerfile_commands: Sequence[str] = (),
        force_build: bool = False,
        add_python: str | None = None,
    ) -> Self:
        """An image of a registry.

        tag: as `python:3.12-slim` or `ghcr.io/org/name:tag`. secret: has REGISTRY_USERNAME and REGISTRY_PASSWORD.
        setup_dockerfile_commands: lines that run before everything else. force_build: pull and make it anew. add_python:
        version of a Python to add where the image has none.
        Raises InvalidError for a tag or version of another form.
        """

        def base() -> Base:
            python = _checked_version(add_python) if add_python else ""
            return Base("registry", reference=_reference(tag), secret=secret, add_python=python, force=force_build)

        return cls._begin(base).dockerfile_commands(*setup_dockerfile_commands)

    @classmethod
    def from_aws_ecr(cls, tag: str, secret: Secret | None = None, **_options: object) -> Self:
        """Not available: this vendor's registry has its own login. tag, secret: ignored. Raises InvalidError with what to do
        instead.
        """
        return cls._vendor("from_aws_ecr")

    @classmethod
    def from_gcp_artifact_registry(cls, tag: str, secret: Secret | None = None, **_options: object) -> Self:
        """Not available, as `from_aws_ecr`. tag, secret: ignored."""
        return cls._vendor("from_gcp_artifact_registry")

    @classmethod
    def from_dockerfile(  # noqa: PLR0913 - the public API's signature
        cls,
        path: str | Path,
        *,
        force_build: bool = False,
        context_dir: str | Path | None = None,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
        add_python: str | None = None,
        build_args: Mapping[str, str] | None = None,
        ignore: Sequence[str] | Callable[[Path], bool] | None = None,
        registry_secret: Secret | None = None,
    ) -> Self:
        """What the local Dockerfile `path` builds.

        context_dir: the folder that COPY takes files from; None is the folder of the deploy. ignore: patterns or a function;
        what of the context to leave out; None is its .dockerignore. build_args: values for ARG. registry_secret: as `secret`
        of `from_registry`. add_python: as there. env, secrets, gpu, force_build: as in `run_commands`.
        Raises InvalidError when the file or folder is missing.
        """

        def base() -> Base:
            python = _checked_version(add_python) if add_python else ""
            return Base("dockerfile", secret=registry_secret, add_python=python, force=force_build)

        def make() -> Any:
            from dataclasses import replace

            from . import readers
            from .dockerfile import layer_of
            from .layer import Extras

            layer = layer_of(path, context_dir, ignore, readers.environment(build_args))
            return replace(layer, extras=Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build))

        return cls._begin(base)._add(make)

    @classmethod
    def from_scratch(cls, *, force_build: bool = False) -> Self:
        """An empty image. force_build: make what follows anew."""
        return cls._begin(lambda: Base("scratch", force=force_build))

    @classmethod
    def micromamba(cls, python_version: str | None = None, *, force_build: bool = False) -> Self:
        """A small Linux with micromamba, for `micromamba_install`. python_version, force_build: as in `debian_slim`."""
        return cls._begin(lambda: Base("micromamba", python_version=_checked_version(python_version), force=force_build))

    @classmethod
    def from_name(cls, name: str) -> Self:
        """The image that was published as `name`, NAME or NAME:TAG. A deploy never builds it. Raises InvalidError for
        another form.
        """
        return cls._begin(lambda: Base("named", reference=_published_name(name)))

    def pipe(self, func: Callable[Concatenate[Self, P], Any], *args: P.args, **kwargs: P.kwargs) -> Any:
        """`func(self, *args, **kwargs)`: for functions that add several layers."""
        return func(self, *args, **kwargs)

    @twin
    def build(self, app: App | None = None, *, environment_name: str | None = None, client: Client | None = None) -> Self:
        """Builds it now, unless it is built already, and returns it.

        app: has no meaning here, where all Apps share images. environment_name: where its Secrets and Volumes are; None is
        the client's. client: None is the platform that this process is configured for. Attached local files (`add_local_…`)
        are added when a container starts. Raises ImageBuildError with the lines of the step that failed, InvalidError, and
        what the platform reports.
        """
        from . import image_build

        image_build.build(self, None, environment_name, client)
        return self

    @twin
    def publish(self, name: str, *, environment_name: str | None = None, client: Client | None = None) -> None:
        """Builds it and publishes it as `name`, for `Image.from_name`. What runs keeps the image that it has.

        name: NAME or NAME:TAG (default `latest`). environment_name, client: as in `build`.
        Raises as `build`, and InvalidError for a name of another form and for an image with attached local files.
        """
        from ..errors import InvalidError
        from . import image_build

        full = _published_name(name)
        if self._attached:
            raise InvalidError(
                "An image is published without files that are attached at its end; give `add_local_…` copy=True."
            )
        image_build.build(self, full, environment_name, client)

    def imports(self) -> Imports:
        """Context manager for imports of packages that only this image has: elsewhere an ImportError in it is ignored."""
        return Imports(self)

    @classmethod
    def _begin(cls, make: Callable[[], Base]) -> Self:
        # Inside a container the image is a fact, and its definition is not needed any more.
        return cls._of(make() if is_local() else Base("container"))

    @classmethod
    def _vendor(cls, method: str) -> Self:
        from ..errors import InvalidError

        raise InvalidError(
            f"`Image.{method}` is not available here; give `Image.from_registry` a Secret with REGISTRY_USERNAME and "
            "REGISTRY_PASSWORD, as the vendor's command line prints them."
        )


class Imports:
    """Swallows ImportError. Inside a container it is kept with its image, and raised where a Server runs with that one."""

    def __init__(self, image: Image) -> None:
        self._image = image

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, ImportError):
            return False
        if not is_local():
            self._image._failed_imports.append(error)
        elif not isinstance(error, ModuleNotFoundError):
            import warnings

            warnings.warn(f"In `image.imports()`, and only here: {error}", stacklevel=2)
        return True


def _checked_version(given: object) -> str:
    import re
    import sys

    from ..errors import InvalidError

    if given is None:
        return f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not isinstance(given, str):
        raise InvalidError(f"`python_version` must be text such as '3.11', not {given!r} (as a number, 3.10 would be 3.1).")
    if not re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", given, re.ASCII):
        raise InvalidError(f"`python_version` must look like '3.11' or '3.11.2', not {given!r}.")
    return given


def _reference(tag: object) -> str:
    from ..errors import InvalidError

    if not isinstance(tag, str) or not tag or any(c.isspace() or ord(c) < 33 for c in tag) or tag.startswith("-"):
        raise InvalidError(f"`tag` must name an image, as in 'python:3.12-slim', not {tag!r}.")
    return tag


def _published_name(name: object) -> str:
    import re

    from ..errors import InvalidError

    if not isinstance(name, str) or not re.fullmatch(
        r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?", name
    ):
        raise InvalidError(f"A published image is named like 'base' or 'team/base:v2', not {name!r}.")
    return name if ":" in name else f"{name}:latest"
