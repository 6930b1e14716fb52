"""`App`: what a user's file defines and `deploy` publishes. Runs in containers too, where decorating only keeps the class.

On the user's side settings are checked where they are written; that code is loaded from `options` and `class_checks`.
"""

from __future__ import annotations

from .remote import is_local
from .server import Server
from .twins import class_twin, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..client.http import Client
    from .deployed import Deployed
    from .image import Image
    from .options import ServerOptions
    from .references import Proxy
    from .secret import Secret
    from .volume import Volume


class App:
    """A named group of Servers that is deployed as one (semantics 1.1)."""

    def __init__(  # noqa: PLR0913 - the public API's signature
        self,
        name: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        include_source: bool | None = None,
        image: Image | None = None,
        secrets: Sequence[Secret] = (),
        volumes: Mapping[str, Volume] | None = None,
    ) -> None:
        """name: at most 64 letters, digits, dashes, periods and underscores; may be given at deploy instead.
        tags: keys and values for people and reports. include_source: upload the Servers' own source (default True).
        image: the default of the App's Servers. secrets, volumes: added to those of each Server.
        Raises InvalidError for anything that is not legal.
        """
        self._name = name
        self._servers: dict[str, Server] = {}
        self._deployed: Deployed | None = None
        self._included: list[App] = []
        self._defaults: dict[str, object] = {"image": image}
        self._tags: dict[str, str] = dict(tags or {})
        if is_local():
            from .options import check_app

            self._defaults |= {"secrets": secrets, "volumes": volumes or {}, "include_source": include_source}
            check_app(name, self._tags, self._defaults)

    @property
    def name(self) -> str | None:
        """The name given in the code, or by the last deploy where the code gives none."""
        return self._name

    @property
    def app_id(self) -> str | None:
        """`ap-…`, once it was deployed from this process or looked up."""
        return self._deployed.app_id if self._deployed else None

    @property
    def registered_servers(self) -> dict[str, Server]:
        """The App's Servers by name."""
        return dict(self._servers)

    def server(  # noqa: PLR0913 - the public API's signature
        self,
        misused: object = None,
        /,
        *,
        image: Image | None = None,
        env: Mapping[str, str | None] | None = None,
        secrets: Sequence[Secret] | None = None,
        gpu: str | Sequence[str] | None = None,
        serialized: bool = False,
        volumes: Mapping[str, Volume] | None = None,
        cpu: float | tuple[float, float] | None = None,
        memory: int | tuple[int, int] | None = None,
        ephemeral_disk: int | None = None,
        target_concurrency: float | None = None,
        max_concurrency: int | None = None,
        min_containers: int | None = None,
        max_containers: int | None = None,
        buffer_containers: int | None = None,
        scaleup_window: int | None = None,
        scaledown_window: int | None = None,
        startup_timeout: int = 30,
        name: str | None = None,
        port: int = 8000,
        unauthenticated: bool = False,
        h2_enabled: bool = False,
        exit_grace_period: int = 0,
        routing_region: str = "us-east",
        compute_region: str | Sequence[str] | None = None,
        cloud: str | None = None,
        nonpreemptible: bool = False,
        proxy: Proxy | None = None,
        i6pn: bool | None = None,
        enable_memory_snapshot: bool = False,
        include_source: bool | None = None,
        experimental_options: Mapping[str, object] | None = None,
    ) -> Callable[[type], Server]:
        """Decorator: makes a class a Server (semantics 2.1).

        image, env, secrets, volumes (Volumes by absolute path): what its containers have. name: default is the class's.
        include_source: upload the class's own source. cpu (cores), memory (MiB): a request, or a pair of request and hard
        limit. ephemeral_disk: MiB. gpu: a name or a list of fallbacks.
        min_containers, max_containers, buffer_containers: counts; None is 0, no limit, 0. target_concurrency: requests in
        flight per container that scaling aims at. max_concurrency: the most; above it 429. scaleup_window, scaledown_window:
        seconds. startup_timeout: seconds until `port` accepts connections. exit_grace_period: seconds for requests in flight
        before SIGTERM. enable_memory_snapshot: start later containers from a snapshot.
        unauthenticated: open to everybody. h2_enabled: cleartext HTTP/2 to the container. routing_region, compute_region:
        where requests arrive and containers run. nonpreemptible: always so here. serialized, cloud, proxy, i6pn,
        experimental_options: refused at deploy.
        Raises InvalidError for a setting or class that is not legal, TypeError if it is not put on a class.
        """
        settings = {key: value for key, value in locals().items() if key not in ("self", "misused")}
        if misused is not None:
            raise _invalid("Write `@app.server()` with its parentheses.")
        if not is_local():
            return lambda user_cls: self._add(self._inside(user_cls, image))
        from .options import ServerOptions

        options = ServerOptions.of(settings, self._defaults)
        return lambda user_cls: self._add(_checked(_class(user_cls), options))

    def _inside(self, user_cls: type, image: Image | None) -> Server:
        made = Server._of_class(_class(user_cls), None)
        chosen: Any = image if image is not None else self._defaults["image"]
        made._image = chosen
        return made

    def include(self, other: App, inherit_tags: bool = True) -> App:
        """Adds the Servers of the App `other` to this one, and returns this one.

        inherit_tags: add its tags, too; this App's own win. Raises InvalidError for something else than another App.
        """
        if not isinstance(other, App) or other is self:
            raise _invalid(f"`App.include` takes another App, not {other!r}.")
        self._included.append(other)
        for server in other._servers.values():
            self._add(server)
        if inherit_tags:
            self._tags = {**other._tags, **self._tags}
        return self

    @twin
    def deploy(
        self,
        *,
        name: str | None = None,
        environment_name: str | None = None,
        tag: str = "",
        client: Client | None = None,
        strategy: str = "rolling",
    ) -> App:
        """Deploys this App and returns it when the new version is live (semantics 1.3).

        name: instead of the App's own. environment_name: None is the current environment. tag: a label for this version.
        strategy: "rolling" or "recreate". client: None is the platform that this process is configured for.
        Raises InvalidError for what can't be deployed, ExecutionError without any name, ImageBuildError, DeployError when
        the new version did not become live, and AuthError or ConnectionError as every call to the platform.
        """
        from .deploy import Options, publish
        from .deployed import Deployed

        outcome = publish(self, Options(name=name, environment=environment_name, tag=tag, strategy=strategy), client)
        self._deployed = Deployed(outcome.app_id, outcome.app_url, environment_name, client)
        self._name = outcome.app_name
        for server in self._servers.values():
            server._deployed = (outcome.app_id, environment_name, client)
        return self

    @class_twin
    def lookup(
        cls: type[App],
        name: str,
        *,
        create_if_missing: bool = False,
        environment_name: str | None = None,
        client: Client | None = None,
    ) -> App:
        """The deployed App of this `name`, or with this id (`ap-…`, in whatever environment; semantics 1.10.2).

        create_if_missing: deploy an App without Servers if there is none of this name. environment_name, client: as in
        `deploy`.
        Raises NotFoundError when there is none or it is stopped, InvalidError for a name that is not legal, and AuthError or
        ConnectionError as every call to the platform.
        """
        from .registry import Wanted, find

        found = cls()
        found._name, found._deployed = find(Wanted(name, create_if_missing, environment_name), client)
        return found

    @twin
    def rollback(self, version: int | None = None, *, strategy: str = "rolling", client: Client | None = None) -> App:
        """Brings an earlier version of the deployed App back, as a new version, and returns when that is live (semantics
        1.7).

        version: its number in the history; None is the one that was live before. The platform has stored it; this process'
        code doesn't matter. strategy, client: as in `deploy`. Raises InvalidError when there is nothing to go back to,
        NotFoundError for a version that does not exist (any more), and as `rollover`.
        """
        from .redeploy import rollback_here

        rollback_here(self._at_home(client), version, strategy)
        return self

    @twin
    def rollover(self, *, strategy: str = "rolling", client: Client | None = None) -> App:
        """Replaces the containers of the deployed App by new ones of the same version, and returns when they serve
        (semantics 1.6).

        strategy, client: as in `deploy`. Raises InvalidError for a stopped App, DeployError when they did not become ready,
        and as `get_tags`.
        """
        from .redeploy import rollover_here

        rollover_here(self._at_home(client), strategy)
        return self

    @twin
    def stop(self, *, client: Client | None = None) -> None:
        """Ends all containers of the deployed App at once, for good (semantics 1.8); returns when none runs any more.

        The next deploy of this name makes a new App. client: as in `deploy`. Raises ConflictError for a stopped App, and as
        `get_tags`.
        """
        from .registry import stop

        stop(self._at_home(client))

    @twin
    def set_tags(self, tags: Mapping[str, str], *, client: Client | None = None) -> None:
        """Replaces all tags of the deployed App (semantics 1.10.1); makes no version and restarts nothing.

        tags: keys and values of at most 63 letters, digits, dashes, periods and underscores; they hold until a version is
        deployed whose code changes `App(tags=...)`. client: as in `deploy`. Raises InvalidError for other tags, and as
        `get_tags`.
        """
        from .registry import set_tags

        set_tags(self._at_home(client), tags)

    @twin
    def get_tags(self, *, client: Client | None = None) -> dict[str, str]:
        """The tags of the deployed App. client: as in `deploy`.

        Raises ExecutionError for an App that was neither deployed from here nor looked up, and AuthError or ConnectionError
        as every call to the platform.
        """
        from .registry import get_tags

        return get_tags(self._at_home(client))

    def get_dashboard_url(self) -> str:
        """The address of the deployed App on its platform. Raises ExecutionError as `get_tags` does."""
        return self._at_home(None).url

    def _at_home(self, client: Client | None) -> Deployed:
        if self._deployed is None:
            from ..errors import ExecutionError

            raise ExecutionError(f"App {self._name or ''!r} is not deployed yet; deploy it, or use `App.lookup`.")
        return self._deployed if client is None else self._deployed.through(client)

    def function(self, *_args: object, **_settings: object) -> Callable[[object], object]:
        """Not there yet. Raises InvalidError."""
        raise _invalid("Functions are not supported by this version of homeport yet; use @app.server().")

    def cls(self, *_args: object, **_settings: object) -> Callable[[object], object]:
        """Not there yet. Raises InvalidError."""
        raise _invalid(
            "Functions are not supported by this version of homeport yet (@app.cls() makes them); use @app.server()."
        )

    def _add(self, server: Server) -> Server:
        if server._name in self._servers and is_local():
            import warnings

            warnings.warn(
                f"App {self._name or ''!r} defines two Servers called {server._name!r}; the later one wins.", stacklevel=3
            )
        self._servers[server._name] = server
        return server

    def __repr__(self) -> str:
        return f"App({self._name!r})"


def _class(given: object) -> type:
    if not isinstance(given, type):
        raise TypeError("The @app.server() decorator must be used on a class.")
    return given


def _checked(user_cls: type, options: ServerOptions) -> Server:
    from .class_checks import check

    options = options.marked_as(user_cls).named_after(user_cls)
    check(user_cls, options)
    return Server._of_class(user_cls, options)


def _invalid(message: str) -> Exception:
    from ..errors import InvalidError

    return InvalidError(message)
