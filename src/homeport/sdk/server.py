"""`Server`: what `@app.server()` makes of a class, and a handle to one that is deployed. Runs in containers too.

Making one does no I/O; a deployed Server is looked up when it is first asked something (semantics 2.4).
"""

from __future__ import annotations

from .twins import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from ..client.answers import ServerInfo, ServerStats
    from ..client.http import Client
    from .autoscaler import Autoscaler
    from .server_seen import Logs, Metrics

    Deployed = tuple[str, str | None, Client | None]  # App name or id, environment, client
    from .image import Image
    from .options import ServerOptions
    from .sessions import Sessions


class Server:
    """A Server of an App: decorate a class with `@app.server()`, or find a deployed one by `Server.from_name`."""

    _user_cls: type | None  # the decorated class, which the guest runs
    _options: ServerOptions | None  # None inside containers
    _image: Image | None = None  # inside containers, where the code gives one
    _name: str
    _id: str | None = None  # of one that was asked for by it, until it is looked up
    _deployed: Deployed | None  # where to look it up; None for one that was defined here and not deployed

    def __init__(self) -> None:
        from ..errors import InvalidError

        raise InvalidError("Put `@app.server()` on a class, or use `Server.from_name(app_name, name)`.")

    @classmethod
    def _of_class(cls, user_cls: type, options: ServerOptions | None) -> Server:
        made = object.__new__(cls)
        made._user_cls, made._options, made._deployed = user_cls, options, None
        made._name = options.spec.name if options is not None else user_cls.__name__
        made.__doc__, made.__module__ = user_cls.__doc__, user_cls.__module__
        return made

    @classmethod
    def _of_image(cls, options: ServerOptions) -> Server:
        """One that runs a command instead of a class."""
        made = object.__new__(cls)
        made._user_cls, made._options, made._deployed = None, options, None
        made._name = options.spec.name
        return made

    @classmethod
    def from_name(
        cls, app_name: str, name: str, *, environment_name: str | None = None, client: Client | None = None
    ) -> Server:
        """The Server `name` of the deployed App `app_name`. Does no I/O: NotFoundError is raised at the first use.

        environment_name: None is the current environment. client: None is the platform that this process is configured for.
        """
        made = object.__new__(cls)
        made._user_cls, made._options, made._name = None, None, name
        made._deployed = (app_name, environment_name, client)
        return made

    @classmethod
    def from_id(cls, server_id: str, *, client: Client | None = None) -> Server:
        """The deployed Server with the id `server_id` (`fu-…`), in whatever environment. Does no I/O: NotFoundError is
        raised at the first use. client: as in `from_name`.
        """
        made = cls.from_name("", server_id, client=client)
        made._id = server_id
        return made

    @twin
    def get_url(self) -> str:
        """The URL, as in `http://home--hello-server.us-east.localhost:8080`.

        Raises NotFoundError when there is no such App or Server, ExecutionError when its App is not deployed yet,
        and AuthError or ConnectionError as every call to the platform does.
        """
        return self._fetch()["url"]

    @twin
    def info(self, refresh: bool = False) -> ServerInfo:
        """The settings of the live version, as a dictionary. Raises as `get_url` does.

        refresh: makes no difference, because the platform is asked each time.
        """
        return self._fetch()

    @property
    def autoscaler(self) -> Autoscaler:
        """Its scaling settings, and changes to them. Raises ExecutionError when its App is not deployed yet."""
        from .autoscaler import Autoscaler

        app_ref, environment_name, client = self._where()
        return Autoscaler((app_ref, self._name, environment_name, client))

    @property
    def sessions(self) -> Sessions:
        """Starts and ends sessions of a sessioned Server."""
        from .sessions import Sessions

        return Sessions(self.get_url)

    @twin
    def update_autoscaler(  # noqa: PLR0913 - the public signature
        self,
        *,
        min_containers: int | None = None,
        max_containers: int | None = None,
        buffer_containers: int | None = None,
        scaleup_window: int | None = None,
        scaledown_window: int | None = None,
        target_concurrency: float | None = None,
    ) -> None:
        """Changes the settings that are given, until the next deployment; None leaves one as it is.

        min_containers, max_containers, buffer_containers: counts. scaleup_window, scaledown_window: seconds.
        target_concurrency: requests in flight per container; 0 is none. `autoscaler.update` can also remove limits. Raises
        as that does.
        """
        given = {
            "min_containers": min_containers,
            "max_containers": max_containers,
            "buffer_containers": buffer_containers,
            "scaleup_window": scaleup_window,
            "scaledown_window": scaledown_window,
            "target_concurrency": target_concurrency,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.autoscaler.update(**changes)

    @twin
    def stats(
        self, since: datetime | None = None, until: datetime | None = None, *, container: str | None = None
    ) -> ServerStats:
        """Its requests, how they went, and its containers.

        since, until: a range of at most 7 days; the last hour by default. A time without a zone is in this machine's.
        container: only this container's (`ta-…`). Raises InvalidError for a range that is not legal, and as `get_url`.
        """
        from ..client import traffic
        from .asking import asking

        with asking(self) as (calls, place):
            return traffic.server_stats(calls, place, traffic.Period(since, until), container)

    @property
    def metrics(self) -> Metrics:
        """Its containers, CPU, memory, network and requests over time."""
        from .server_seen import Metrics

        return Metrics(self)

    @property
    def logs(self) -> Logs:
        """What its containers write."""
        from .server_seen import Logs

        return Logs(self)

    def _fetch(self) -> ServerInfo:
        from ..client import servers
        from .asking import asking

        with asking(self) as (calls, place):
            return servers.info(calls, place.app, self._name, place.environment)

    def _where(self) -> Deployed:
        if self._id is not None and self._deployed is not None:
            from .asking import by_id

            client = self._deployed[2]
            found = by_id(self._id, client)
            self._name, self._deployed, self._id = found["server_name"], (found["app_id"], None, client), None
        if self._deployed is None:
            from ..errors import ExecutionError

            raise ExecutionError(f"Server {self._name!r} is not deployed yet; deploy its App, or use `Server.from_name`.")
        return self._deployed

    def __repr__(self) -> str:
        return f"<Server {self._name!r}>"

    def __getattr__(self, name: str) -> Any:
        # Only reached for what is not there: say what a Server can't do instead of naming an internal class.
        raise AttributeError(f"A Server has no attribute {name!r}; requests are handled by the process on its port.")
