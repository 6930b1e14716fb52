"""The steady Server, but with none of it running before the first request and as many as the load asks for after it.

Nothing but the standard library: what is measured with it is the platform, and `http.server` would be the bottleneck.
"""

import asyncio
import threading

import homeport as modal

GREETING = "version one"

app = modal.App("burst")


class Http(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, for requests without a body."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.open.discard(self)
        if self.server.ending and not self.server.open:
            self.server.ended.set()

    def data_received(self, data: bytes) -> None:
        *requests, self.unread = (self.unread + data).split(b"\r\n\r\n")
        for _ in requests:
            self.transport.write(self.server.last_answer if self.server.ending else self.server.answer)
        if requests and self.server.ending:
            self.transport.close()


@app.server(
    unauthenticated=True,
    exit_grace_period=5,
    min_containers=0,
    max_containers=4,
    target_concurrency=20,
    scaledown_window=5,
    cpu=0.1,
)
class Server:
    @modal.enter()
    def start(self) -> None:
        body = f"{GREETING}\n".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n".encode()
        self.answer = head + b"\r\n" + body
        self.last_answer = head + b"Connection: close\r\n\r\n" + body
        self.ending, self.ended = False, asyncio.Event()
        self.open: set[Http] = set()
        self.loop = asyncio.new_event_loop()
        listening = self.loop.create_server(lambda: Http(self), "0.0.0.0", 8000, backlog=1024)
        self.listener = self.loop.run_until_complete(listening)
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    @modal.exit()
    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.finish(), self.loop).result()

    async def finish(self) -> None:
        """No new connections; idle ones are closed, the others with their answer."""
        self.ending = True
        self.listener.close()
        for connection in list(self.open):
            if not connection.unread:
                connection.transport.close()
        if self.open:
            await self.ended.wait()
