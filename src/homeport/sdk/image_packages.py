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
        """Python packages by pip. Without any package the image stays as it is."""
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
        """Packages from private repositories, as `github.com/org/name@ref`; a Secret must have GITHUB_TOKEN or GITLAB_TOKEN.

        Raises InvalidError for a repository of another form, and when no Secret is given.
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
        """What a local requirements.txt lists. Raises InvalidError if it is not there."""
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
        """What a local pyproject.toml depends on, with groups of its optional ones. Raises InvalidError as it is read."""
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
        """Python packages by uv, into the image's own Python. requirements: local files that list more of them."""
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
        """The environment of a local uv project, from its lock file unless `frozen` is False; it goes first in PATH.

        Raises InvalidError without a pyproject.toml, or without a uv.lock where that is needed.
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
        """What a local Poetry project depends on, as its lock file says (beside it, if not given).

        Raises InvalidError for a file that is not there.
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
        """Packages by micromamba, in an image that begins with `Image.micromamba()`. Raises InvalidError in another one."""

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
        """Debian packages."""

        def make() -> Layer:
            from . import installs
            from .layer import Extras, Layer

            extras = Extras.of(env=env, secrets=secrets, gpu=gpu, force_build=force_build)
            return Layer("apt_install", installs.apt(installs.packages_of("apt_install", packages)), extras=extras)

        return self._add(make) if any(packages) else self


def _indexes(*values: object) -> dict[str, Any]:
    return dict(zip(("find_links", "index_url", "extra_index_url", "pre", "extra_options"), values, strict=True))
