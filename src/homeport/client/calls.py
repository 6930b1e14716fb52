"""How a call reaches the platform, whoever makes it: over HTTP from a user's machine (`client.http`), or through the socket
that every container has (`client.inside`). Owns that interface; importing it loads nothing but the standard library.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Protocol

    Parameters = Mapping[str, str | int | bool | None]

    class Calls(Protocol):
        """Paths begin after `/v1`, as in `/volumes`. Every method raises what the platform answers as the `Error` it stands
        for, and ConnectionError when the platform can't be reached.
        """

        @property
        def environment(self) -> str:
            """The one that is meant where none is named."""
            ...

        def call(
            self,
            method: str,
            path: str,
            *,
            params: Parameters | None = None,
            body: object = None,
            timeout_s: float | None = 60.0,
        ) -> dict[str, Any]:
            """JSON there and back; `body` None sends none, a parameter that is None is left out."""
            ...

        def send(
            self, method: str, path: str, content: Iterator[bytes], size_bytes: int, *, params: Parameters | None = None
        ) -> None:
            """Bytes there."""
            ...

        def receive(self, path: str, *, params: Parameters | None = None) -> Iterator[bytes]:
            """Bytes back, a piece at a time."""
            ...
