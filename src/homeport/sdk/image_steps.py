"""The builder methods of `Image` that run commands, set metadata or bring local files. Runs in containers too, where they do
nothing.
"""

from __future__ import annotations

from .image_chain import Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Self

    from .image_packages import Env, Gpu, Secrets
    from .layer import Layer
    from .local import Attached
    from .volume import Volume

NON_PYTHON_FILES = ("**", "!**/*.py")


class StepMethods(Chain):
    """Each adds one layer, except `add_local_…` without `copy`, whose files are attached when a container starts."""

    __slots__ = ()

    def run_commands(
        self,
        *commands: str | Sequence[str],
        env: Env = None,
        secrets: Secrets = None,
        volumes: Mapping[str, Volume] | None = None,
        gpu: Gpu = None,
        force_build: bool = False,
    ) -> Self:
        """Shell commands, one after the other; the first that fails ends the build, and so does a line of one that has
        several.
        """

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer, commands_of

            extras = Extras.of(env=env, secrets=secrets, volumes=volumes, gpu=gpu, force_build=force_build)
            lines = tuple(map(installs.command, commands_of("run_commands", commands)))
            return Layer("run_commands", lines, extras=extras)

        return self._add(make) if any(commands) else self

    def dockerfile_commands(  # noqa: PLR0913 - the public API's signature
        self,
        *dockerfile_commands: str | Sequence[str],
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
        context_dir: str | Path | None = None,
        force_build: bool = False,
        ignore: Sequence[str] | Callable[[Path], bool] | None = None,
    ) -> Self:
        """Lines of a Dockerfile. context_dir: what COPY and ADD take files from; the folder of the deploy, if not given.

        ignore: what of it is left out; its .dockerignore, if not given.
        """

        def make() -> Layer:
            from .dockerfile import context_of, needs_context
            from .layer import Extras, Layer, commands_of

            lines = tuple(commands_of("dockerfile_commands", dockerfile_commands))
            contexts = (context_of(context_dir, ignore),) if needs_context("\n".join(lines)) else ()
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("dockerfile_commands", lines, contexts, extras=extras)

        return self._add(make) if any(dockerfile_commands) else self

    def run_function(  # noqa: PLR0913 - the public API's signature
        self,
        raw_f: Callable[..., Any],
        *,
        env: Env = None,
        secrets: Secrets = None,
        volumes: Mapping[str, Volume] | None = None,
        network_file_systems: Mapping[str, object] | None = None,
        gpu: Gpu = None,
        cpu: float | None = None,
        memory: int | None = None,
        timeout: int = 3600,
        cloud: str | None = None,
        region: str | Sequence[str] | None = None,
        force_build: bool = False,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        include_source: bool = True,
    ) -> Self:
        """Runs a Python function in the image as it is up to here, and keeps what it does to the file system.

        timeout: seconds. The layer is built again when the function's text or plain data that it uses changes, or a function
        that it calls and that is in the same file or package.
        `cpu`, `memory`, `cloud` and `region` have no meaning for a build on this platform.
        Raises InvalidError for a function that is not in global scope, and for arguments that can't be pickled.
        """

        def make() -> Layer:
            from . import readers
            from .build_function import Call
            from .layer import Extras, Layer

            readers.refuse_file_systems(network_file_systems)
            call = Call.of(raw_f, args, kwargs or {}, include_source=include_source)
            extras = Extras.of(env=env, secrets=secrets, volumes=volumes, gpu=gpu, force_build=force_build)
            return Layer("run_function", function=call, extras=extras, timeout_s=readers.whole("timeout", timeout))

        return self._add(make)

    def env(self, vars: Mapping[str, str]) -> Self:  # noqa: A002 - the public API's name for it
        """Environment variables that the image has from here on."""

        def make() -> Layer:
            from . import installs, readers
            from .layer import Layer

            return Layer("env", (installs.environment(readers.mapping("vars", vars)),))

        return self._add(make) if vars else self

    def workdir(self, path: str) -> Self:
        """The working directory of later steps and of containers."""

        def make() -> Layer:
            import shlex

            from . import readers
            from .layer import Layer

            return Layer("workdir", (f"WORKDIR {shlex.quote(readers.text('path', str(path)))}",))

        return self._add(make)

    def shell(self, shell_commands: Sequence[str]) -> Self:
        """The shell that runs later commands, as in ["/bin/bash", "-c"]."""
        return self._exec_form("SHELL", shell_commands)

    def entrypoint(self, entrypoint_commands: Sequence[str]) -> Self:
        """The image's entrypoint, as in ["/usr/bin/tini", "--"]."""
        return self._exec_form("ENTRYPOINT", entrypoint_commands)

    def cmd(self, cmd: Sequence[str]) -> Self:
        """The image's command, as in ["python", "-m", "app"]."""
        return self._exec_form("CMD", cmd)

    def add_local_file(self, local_path: str | Path, remote_path: str, *, copy: bool = False) -> Self:
        """A local file at an absolute path in the container (or in a folder, if that ends with `/`), read-only there.

        copy: as a layer, so that build steps may follow. Raises InvalidError for what is not a file.
        """

        def attached() -> tuple[Attached, ...]:
            from .local import file

            return (file(local_path, remote_path),)

        return self._bring("add_local_file", attached, copy)

    def add_local_dir(
        self,
        local_path: str | Path,
        remote_path: str,
        *,
        copy: bool = False,
        ignore: Sequence[str] | Callable[[Path], bool] = (),
    ) -> Self:
        """A local folder, likewise.

        ignore: patterns as in .dockerignore, or a function of a path that says True to leave it out.
        """

        def attached() -> tuple[Attached, ...]:
            from .local import folder

            return (folder(local_path, remote_path, ignore),)

        return self._bring("add_local_dir", attached, copy)

    def add_local_python_source(
        self,
        *modules: str,
        copy: bool = False,
        ignore: Sequence[str] | Callable[[Path], bool] = NON_PYTHON_FILES,
    ) -> Self:
        """Importable local packages and modules by name, for containers to import. Raises InvalidError for others."""

        def attached() -> tuple[Attached, ...]:
            from .local import python_source

            return python_source(modules, ignore)

        return self._bring("add_local_python_source", attached, copy)

    def _bring(self, method: str, attached: Callable[[], tuple[Attached, ...]], copy: bool) -> Self:
        if not copy:
            return self._attach(attached)

        def make() -> Layer:
            from .local import layer_of

            return layer_of(method, attached())

        return self._add(make)

    def _exec_form(self, word: str, argv: Sequence[str]) -> Self:
        def make() -> Layer:
            from . import installs
            from .layer import Layer

            return Layer(word.lower(), (installs.exec_form(word, argv),))

        return self._add(make)
