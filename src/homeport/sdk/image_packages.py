"""The builder methods of `Image` that install packages: signatures and checks; the text of a layer is for `installs`.

Runs in containers too, where they do nothing.
"""

from __future__ import annotations

from .image_chain import Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, Self

    from .layer import Layer
    from .secret import Secret

    Env = Mapping[str, str | None] | None
    Secrets = Sequence[Secret] | None
    Gpu = str | Sequence[str] | None
    Packages = str | Sequence[str]


class InstallMethods(Chain):
    """Each adds one layer; only its commands see `env` and `secrets`; `force_build` builds it and what follows anew."""

    __slots__ = ()

    def pip_install(  # noqa: PLR0913 - the public API's signature
        self,
        *packages: Packages,
        find_links: str | None = None,
        index_url: str | None = None,
        extra_index_url: str | None = None,
        pre: bool = False,
        extra_options: str = "",
        force_build: bool = False,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs Python packages with pip; without any, the image stays as it is.

        packages: requirements, or lists of them. find_links, index_url, extra_index_url, pre, extra_options: pip's options
        of these names; extra_options is more of its command line. env, secrets, gpu, force_build: as in `run_commands`.
        Raises InvalidError for arguments of another type.
        """
        said = _indexes(find_links, index_url, extra_index_url, pre, extra_options)

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer

            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            names = installs.packages_of("pip_install", packages)
            return Layer("pip_install", installs.pip(names, installs.Indexes(**said)), extras=extras)

        return self._add(make) if any(packages) else self

    def pip_install_private_repos(  # noqa: PLR0913 - the public API's signature
        self,
        *repositories: str,
        git_user: str,
        find_links: str | None = None,
        index_url: str | None = None,
        extra_index_url: str | None = None,
        pre: bool = False,
        extra_options: str = "",
        gpu: Gpu = None,
        env: Env = None,
        secrets: Secrets = None,
        force_build: bool = False,
    ) -> Self:
        """Installs packages from private repositories with pip.

        repositories: as `github.com/org/name@ref`. git_user: the user of the token. secrets: must have GITHUB_TOKEN or
        GITLAB_TOKEN. find_links, index_url, extra_index_url, pre, extra_options: as in `pip_install`. env, gpu, force_build:
        as in `run_commands`.
        Raises InvalidError for a repository of another form, and without `secrets`.
        """
        said = _indexes(find_links, index_url, extra_index_url, pre, extra_options)

        def make() -> Layer:
            from dataclasses import replace

            from ..errors import InvalidError
            from . import installs
            from .layer import Extras, Layer

            if not secrets:
                raise InvalidError("`pip_install_private_repos` needs `secrets` with a GITHUB_TOKEN or GITLAB_TOKEN.")
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            step_env = installs.git_logins(repositories, git_user) | dict(extras.env)
            extras = replace(extras, env=tuple(sorted(step_env.items())))
            lines = installs.private_repositories(repositories, installs.Indexes(**said))
            return Layer("pip_install_private_repos", lines, extras=extras)

        return self._add(make) if repositories else self

    def pip_install_from_requirements(  # noqa: PLR0913 - the public API's signature
        self,
        requirements_txt: str | Path,
        find_links: str | None = None,
        *,
        index_url: str | None = None,
        extra_index_url: str | None = None,
        pre: bool = False,
        extra_options: str = "",
        force_build: bool = False,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs what a local requirements.txt lists, with pip.

        requirements_txt: its path. find_links, index_url, extra_index_url, pre, extra_options: as in `pip_install`. env,
        secrets, gpu, force_build: as in `run_commands`.
        Raises InvalidError if the file is missing.
        """
        said = _indexes(find_links, index_url, extra_index_url, pre, extra_options)

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer, local_file

            context = ((("requirements.txt", local_file(requirements_txt, "requirements.txt")),),)
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            lines = installs.pip_requirements(installs.Indexes(**said))
            return Layer("pip_install_from_requirements", lines, context, extras=extras)

        return self._add(make)

    def pip_install_from_pyproject(  # noqa: PLR0913 - the public API's signature
        self,
        pyproject_toml: str | Path,
        optional_dependencies: Sequence[str] = (),
        *,
        find_links: str | None = None,
        index_url: str | None = None,
        extra_index_url: str | None = None,
        pre: bool = False,
        extra_options: str = "",
        force_build: bool = False,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs the dependencies of a local pyproject.toml, with pip.

        pyproject_toml: its path. optional_dependencies: names of groups to add. find_links, index_url, extra_index_url, pre,
        extra_options: as in `pip_install`. env, secrets, gpu, force_build: as in `run_commands`.
        Raises InvalidError for a missing file or group.
        """
        said = _indexes(find_links, index_url, extra_index_url, pre, extra_options)

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer, local_file

            path = local_file(pyproject_toml, "pyproject.toml").local
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            names = installs.pyproject_dependencies(path, tuple(optional_dependencies))
            lines = installs.pip(names, installs.Indexes(**said)) if names else ("RUN true",)
            return Layer("pip_install_from_pyproject", lines, extras=extras)

        return self._add(make)

    def uv_pip_install(  # noqa: PLR0913 - the public API's signature
        self,
        *packages: Packages,
        requirements: Sequence[str | Path] | None = None,
        find_links: str | None = None,
        index_url: str | None = None,
        extra_index_url: str | None = None,
        pre: bool = False,
        extra_options: str = "",
        force_build: bool = False,
        uv_version: str | None = None,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs Python packages with uv, into the image's own Python.

        packages: requirements, or lists of them. requirements: paths of local requirements files. uv_version: None is any.
        find_links, index_url, extra_index_url, pre, extra_options: as in `pip_install`, for uv. env, secrets, gpu,
        force_build: as in `run_commands`.
        Raises InvalidError if a file is missing.
        """
        said = _indexes(find_links, index_url, extra_index_url, pre, extra_options)

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer, local_file

            files = tuple((("requirements.txt", local_file(path, "requirements file")),) for path in requirements or ())
            names = installs.packages_of("uv_pip_install", packages)
            lines = installs.uv(uv_version) + installs.uv_pip(names, len(files), installs.Indexes(**said))
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("uv_pip_install", lines, files, extras=extras)

        return self._add(make) if any(packages) or requirements else self

    def uv_sync(  # noqa: PLR0913 - the public API's signature
        self,
        uv_project_dir: str | Path = "./",
        *,
        force_build: bool = False,
        groups: Sequence[str] | None = None,
        extras: Sequence[str] | None = None,
        frozen: bool = True,
        extra_options: str = "",
        uv_version: str | None = None,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs the environment of a local uv project, and puts it first in PATH.

        uv_project_dir: its folder. groups, extras: names of dependency groups and extras to add. frozen: use the lock file
        as it is. extra_options: more of uv's command line. uv_version: None is any. env, secrets, gpu, force_build: as in
        `run_commands`.
        Raises InvalidError without a pyproject.toml, and without a uv.lock if `frozen`.
        """

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer, project_files

            files = project_files(uv_project_dir, "pyproject.toml", "uv.lock" if frozen else None, ("uv.lock",))
            lines = installs.uv(uv_version) + installs.uv_sync(
                tuple(groups or ()), tuple(extras or ()), frozen=frozen, extra_options=extra_options
            )
            added = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("uv_sync", lines, (files,), extras=added)

        return self._add(make)

    def poetry_install_from_file(  # noqa: PLR0913 - the public API's signature
        self,
        poetry_pyproject_toml: str | Path,
        poetry_lockfile: str | Path | None = None,
        *,
        ignore_lockfile: bool = False,
        force_build: bool = False,
        with_: Sequence[str] = (),
        without: Sequence[str] = (),
        only: Sequence[str] = (),
        poetry_version: str | None = "latest",
        old_installer: bool = False,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs the dependencies of a local Poetry project.

        poetry_pyproject_toml: its path. poetry_lockfile: None is the one beside it. ignore_lockfile: do without. with_,
        without, only: names of groups. poetry_version: None and "latest" are the newest. old_installer: use Poetry's former
        one. env, secrets, gpu, force_build: as in `run_commands`.
        Raises InvalidError if a file is missing.
        """

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer, poetry_files

            files = poetry_files(poetry_pyproject_toml, poetry_lockfile, ignore_lockfile=ignore_lockfile)
            poetry = installs.Poetry(poetry_version, old_installer, tuple(with_), tuple(without), tuple(only))
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("poetry_install_from_file", poetry.lines(), (files,), extras=extras)

        return self._add(make)

    def micromamba_install(  # noqa: PLR0913 - the public API's signature
        self,
        *packages: Packages,
        spec_file: str | Path | None = None,
        channels: Sequence[str] = (),
        force_build: bool = False,
        env: Env = None,
        secrets: Secrets = None,
        gpu: Gpu = None,
    ) -> Self:
        """Installs packages with micromamba, in an image that begins with `Image.micromamba()`.

        packages: specifications, or lists of them. spec_file: path of a local file that lists more. channels: where to look
        for them. env, secrets, gpu, force_build: as in `run_commands`.
        Raises InvalidError in an image of another base.
        """

        def make() -> Layer:
            from ..errors import InvalidError
            from . import installs
            from .layer import Extras, Layer, local_file

            if self._base.kind != "micromamba":
                raise InvalidError("`micromamba_install` needs an image that begins with `Image.micromamba()`.")
            files = (((("spec.yml", local_file(spec_file, "spec file")),),)) if spec_file else ()
            names = installs.packages_of("micromamba_install", packages)
            lines = installs.micromamba(names, tuple(channels), spec_file=bool(spec_file))
            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("micromamba_install", lines, files, extras=extras)

        return self._add(make) if any(packages) or spec_file else self

    def apt_install(
        self, *packages: Packages, force_build: bool = False, env: Env = None, secrets: Secrets = None, gpu: Gpu = None
    ) -> Self:
        """Installs Debian packages with apt. packages: names, or lists of them. env, secrets, gpu, force_build: as in
        `run_commands`.
        """

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer

            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("apt_install", installs.apt(installs.packages_of("apt_install", packages)), extras=extras)

        return self._add(make) if any(packages) else self


def _indexes(*values: object) -> dict[str, Any]:
    return dict(zip(("find_links", "index_url", "extra_index_url", "pre", "extra_options"), values, strict=True))
