"""The engines that the contract suite runs on, and how a test makes things happen inside their containers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from homeport.core.facts import ContainerExited, ContainerProbed, ContainerReady, ContainerStarted, Fact
from homeport.engine.local import LocalEngine
from homeport.manifest.schema import Resources
from homeport.ports import ContainerSpec, ContainerStatus, Engine
from homeport.runtime.client import SpawnerError
from homeport.testing.engine import FakeEngine

T = TypeVar("T")
DEADLINE_S = 60.0  # a test that passes never waits for it; a slow machine may need it
PORT, CONTROL_PORT = 8000, 9000

# Does what it is told on its control port: "open" and "close" its port, "exit N".
PUPPET = f"""
import os, signal, socket
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
control, port = socket.create_server(("0.0.0.0", {CONTROL_PORT})), None
while True:
    peer, _ = control.accept()
    word, *rest = peer.recv(100).decode().split()
    if word == "open":
        port = socket.create_server(("0.0.0.0", {PORT}), backlog=100)
    elif word == "close":
        port = port.close()
    else:
        print("leaving", flush=True)
        os._exit(int(rest[0]))
    peer.close()
"""


class Facts:
    """Everything that one engine told."""

    def __init__(self, engine: Engine) -> None:
        self.seen: list[Fact] = []
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._collect(engine))

    async def of(self, container_id: str, kind: type[T], where: Callable[[T], bool] = lambda _: True) -> T:
        """The first of this kind about this container. Fails at the deadline with what was told instead."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                self._more.clear()
                for fact in self.about(container_id):
                    if isinstance(fact, kind) and where(fact):
                        return fact
                await self._more.wait()

    def about(self, container_id: str) -> list[Fact]:
        told = (ContainerStarted, ContainerReady, ContainerProbed, ContainerExited)
        return [fact for fact in self.seen if isinstance(fact, told) and fact.container_id == container_id]

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self, engine: Engine) -> None:
        async for fact in engine.facts():
            self.seen.append(fact)
            self._more.set()


class Bench(Protocol):
    """One machine with containers, and the control plane's engine on it."""

    engine: Engine
    facts: Facts

    def spec(self, container_id: str) -> ContainerSpec: ...

    async def open_port(self, container_id: str) -> None: ...

    async def close_port(self, container_id: str) -> None: ...

    async def exit(self, container_id: str, code: int) -> None: ...

    async def restart(self) -> None:
        """A new control plane: what the old engine knew in memory is gone."""
        ...

    async def clean(self) -> None: ...


async def until(look: Callable[[], bool]) -> None:
    """Returns once `look` says so. Fails at the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


async def status_of(engine: Engine, container_id: str) -> ContainerStatus | None:
    return next((status for status in await engine.list() if status.container_id == container_id), None)


class FakeBench:
    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.facts = Facts(self.engine)

    def spec(self, container_id: str) -> ContainerSpec:
        return _spec(container_id, "/none", f"/none/{container_id}.log")

    async def open_port(self, container_id: str) -> None:
        self.engine.becomes_ready(container_id)

    async def close_port(self, container_id: str) -> None:
        self.engine.probed(container_id, healthy=False)

    async def exit(self, container_id: str, code: int) -> None:
        self.engine.exits(container_id, code)

    async def restart(self) -> None:
        await self.engine.close()
        await self.facts.close()
        self.engine = self.engine.restarted()
        self.facts = Facts(self.engine)

    async def clean(self) -> None:
        await self.facts.close()
        await self.engine.close()


class LocalBench:
    """`LocalEngine` over a real spawner in a data directory of its own."""

    def __init__(self, data_dir: str, rootfs: str) -> None:
        self.data_dir = data_dir
        self._rootfs = rootfs
        self.engine = LocalEngine(data_dir)
        self.facts = Facts(self.engine)

    def spec(self, container_id: str) -> ContainerSpec:
        return _spec(container_id, self._rootfs, f"{self.data_dir}/logs/{container_id}.log")

    async def open_port(self, container_id: str) -> None:
        await self._tell(container_id, "open")

    async def close_port(self, container_id: str) -> None:
        await self._tell(container_id, "close")

    async def exit(self, container_id: str, code: int) -> None:
        await self._tell(container_id, f"exit {code}")

    async def restart(self) -> None:
        await self.engine.close()
        await self.facts.close()
        self.engine = LocalEngine(self.data_dir)
        self.facts = Facts(self.engine)

    async def clean(self) -> None:
        for status in await self.engine.list():
            await self.engine.stop(status.container_id, 0)
            await self.facts.of(status.container_id, ContainerExited)
            await self._forget(status.container_id)
        await self.facts.close()
        await self.engine._link.request("shutdown")
        await self.engine.close()

    async def _forget(self, container_id: str) -> None:
        """Also where the machine is so slow that its remains are still being removed."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with suppress(SpawnerError):
                    return await self.engine.forget(container_id)
                await asyncio.sleep(0.05)

    async def _tell(self, container_id: str, word: str) -> None:
        started = await self.facts.of(container_id, ContainerStarted)
        host = started.address.rpartition(":")[0]
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with suppress(OSError):
                    reader, writer = await asyncio.open_connection(host, CONTROL_PORT)
                    writer.write(word.encode())
                    with suppress(ConnectionResetError):
                        await reader.read()
                    writer.close()
                    return
                await asyncio.sleep(0.01)


def _spec(container_id: str, rootfs: str, log_path: str) -> ContainerSpec:
    return ContainerSpec(
        container_id=container_id,
        app_id="ap-1",
        service_id="sv-1",
        image_layers=(rootfs,),
        command=("/usr/bin/python3", "-I", "-S", "-c", PUPPET),
        env=(("PATH", "/usr/bin:/bin"),),
        binds=(),
        resources=Resources(),
        port=PORT,
        hostname=container_id,
        log_path=log_path,
    )
