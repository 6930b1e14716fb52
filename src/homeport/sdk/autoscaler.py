"""`server.autoscaler`: the settings that scale a deployed Server, and changes to them (semantics 2.4.7 to 2.4.9)."""

from __future__ import annotations

from .twins import twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..client.autoscaler import AutoscalerSettings
    from ..client.http import Client

    Deployed = tuple[str, str, str | None, Client | None]  # App name or id, Server, environment, client


class _Unchanged:
    """What an argument is that nobody gave."""

    def __repr__(self) -> str:
        return "<unchanged>"


UNCHANGED = _Unchanged()


class Autoscaler:
    """The scaling of one deployed Server; get it as `server.autoscaler`. Each method blocks; its `.aio` form does not."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed

    @twin
    def settings(self) -> AutoscalerSettings:
        """The settings in effect, the platform's defaults, those of the code, and overrides with who made them and when.

        Raises NotFoundError when there is no such App or Server.
        """
        return self._send(None)

    @twin
    def update(  # noqa: PLR0913 - the public signature
        self,
        *,
        min_containers: int | _Unchanged | None = UNCHANGED,
        max_containers: int | _Unchanged | None = UNCHANGED,
        buffer_containers: int | _Unchanged | None = UNCHANGED,
        scaleup_window: int | _Unchanged | None = UNCHANGED,
        scaledown_window: int | _Unchanged | None = UNCHANGED,
        target_concurrency: float | _Unchanged | None = UNCHANGED,
    ) -> AutoscalerSettings:
        """Changes the settings that are given, until the next deployment, and returns all of them.

        min_containers, max_containers, buffer_containers: counts; None is 0, no limit, 0. scaleup_window, scaledown_window:
        seconds; None is the platform's default. target_concurrency: requests in flight per container; None is no scaling by
        load.
        Raises InvalidError for what is not legal or contradicts the other settings, NotFoundError as `settings`.
        """
        given = {
            "min_containers": min_containers,
            "max_containers": max_containers,
            "buffer_containers": buffer_containers,
            "scaleup_window": scaleup_window,
            "scaledown_window": scaledown_window,
            "target_concurrency": target_concurrency,
        }
        return self._send({name: value for name, value in given.items() if value is not UNCHANGED})

    def _send(self, changes: dict[str, object] | None) -> AutoscalerSettings:
        from ..client import autoscaler
        from .connect import session

        app_ref, name, environment_name, client = self._deployed
        with session(client, environment_name) as (connected, environment):
            server = (app_ref, name, environment)
            if not changes:
                return autoscaler.settings(connected, server)
            return autoscaler.update(connected, server, changes)
