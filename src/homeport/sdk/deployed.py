"""Where a deployed App is, for whoever asks the platform about it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..client.http import Client


class Deployed:
    """Where an App is that was deployed or looked up: its id and address, and how it is reached from here."""

    def __init__(self, app_id: str, url: str, environment_name: str | None, client: Client | None) -> None:
        self.app_id = app_id
        self.url = url
        self.environment_name = environment_name
        self.client = client

    def through(self, client: Client) -> Deployed:
        return Deployed(self.app_id, self.url, self.environment_name, client)
