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
        """Runs shell commands, one after the other; the first that fails ends the build, as does a failing line of one.

        commands: texts, or lists of them. env, secrets: environment variables of these commands only. volumes: Volumes by
        absolute path, mounted meanwhile. gpu: refused at deploy, since builds have none. force_build: build this layer and
        all after it anew.
        Raises InvalidError for arguments of another type.
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
        """Runs lines of a Dockerfile, `dockerfile_commands`.

        context_dir: the folder that COPY and ADD take files from; None is the folder of the deploy. ignore: what of it to
        leave out; None is its .dockerignore. env, secrets, gpu, force_build: as in `run_commands`.
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
        """Runs the Python function `raw_f(*args, **kwargs)` in the image, and keeps what it does to the file system.

        It runs again when its source or plain data that it uses changes, or a function that it calls in the same file or
        package. timeout: seconds. include_source: whether its module is there. env, secrets, volumes, gpu, force_build: as
        in `run_commands`. `cpu`, `memory`, `cloud` and `region` have no effect here; `network_file_systems` is refused.
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
        """Sets environment variables, `vars`, for later steps and containers. Raises InvalidError for names and values that
        are not legal.
        """

        def make() -> Layer:
            from . import installs, readers
            from .layer import Layer

            return Layer("env", (installs.environment(readers.mapping("vars", vars)),))

        return self._add(make) if vars else self

    def workdir(self, path: str) -> Self:
        """Sets the working directory of later steps and of containers to `path`."""

        def make() -> Layer:
            import shlex

            from . import readers
            from .layer import Layer

            return Layer("workdir", (f"WORKDIR {shlex.quote(readers.text('path', str(path)))}",))

        return self._add(make)

    def shell(self, shell_commands: Sequence[str]) -> Self:
        """Sets the shell that runs later commands. shell_commands: as ["/bin/bash", "-c"]."""
        return self._exec_form("SHELL", shell_commands)

    def entrypoint(self, entrypoint_commands: Sequence[str]) -> Self:
        """Sets the image's entrypoint. entrypoint_commands: as ["/usr/bin/tini", "--"]."""
        return self._exec_form("ENTRYPOINT", entrypoint_commands)

    def cmd(self, cmd: Sequence[str]) -> Self:
        """Sets the image's command. cmd: as ["python", "-m", "app"]."""
        return self._exec_form("CMD", cmd)

    def add_local_file(self, local_path: str | Path, remote_path: str, *, copy: bool = False) -> Self:
        """Adds a local file, read-only in containers.

        local_path: the file. remote_path: its absolute path, or with `/` at the end the folder it goes to. copy: make it a
        layer, so that build steps may follow; else it is attached when a container starts. Raises InvalidError for what is
        not a file.
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
        """Adds a local folder, read-only in containers.

        local_path: the folder. remote_path: its absolute path. copy: as in `add_local_file`. ignore: patterns as in
        .dockerignore, or a function of a path that returns True to leave it out. Raises InvalidError for what is not a
        folder.
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
        """Adds local packages and modules, importable in containers. modules: their names. copy, ignore: as in
        `add_local_dir`. Raises InvalidError for one that can't be found.
        """

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
