"""The templates of one spawner: which there are, which are wanted, which failed. Made while nobody waits, tried with a
real start, and only then used. Every decision about one container is `choose`.

    WANTED -> IMPORTING -> TRYING -> READY -> let go (its last child ends it) or dead
                  \\---------- \\--> broken, with a reason, until the next spawner
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from typing import Any

from . import forkable, forked, process, templatelaunch, trial, wire
from .forkable import Ground, Unfit
from .host import Host
from .network import Network
from .origin import CRUN, FORK, Origin
from .templatelaunch import Key, Launched

COUNT_MAX = 8
NOT_YET = "the template of its base image is still being made"


class _Template:
    """One that lives. `ground` is None until it is ready."""

    def __init__(self, key: Key, launched: Launched) -> None:
        self.key = key
        self.pid, self.control = launched
        self.start = process.start_time(self.pid)
        self.announced: Ground | None = None
        self.ground: Ground | None = None
        self.trial = trial.NONE
        self._fits: dict[tuple[str, ...], str] = {}  # by an image's layers: why it does not

    def check(self, spec: dict[str, Any]) -> None:
        """Whether this container may come from here; raises Unfit. Layers are looked at once, they never change."""
        if self.ground is None:
            raise Unfit(NOT_YET)
        layers = tuple(spec["layers"])
        if layers not in self._fits:
            self._fits[layers] = ""
            try:
                forkable.check_layers(spec, self.key, self.ground)
            except Unfit as reason:
                self._fits[layers] = str(reason)
        if self._fits[layers]:
            raise Unfit(self._fits[layers])
        forkable.check_names(spec, self.key, self.ground)


class Templates:
    """`problem` is why there are none on this machine."""

    def __init__(self, host: Host, net: Network, poller: select.poll, problem: str) -> None:
        self.problem = problem
        self._host = host
        self._network = net
        self._poller = poller
        self._live: dict[Key, _Template] = {}  # the one used last comes last
        self._wanted: list[Key] = []
        self._broken: dict[Key, str] = {}
        self._memory = f"{host.run}/templates.json"
        if not problem:
            self._wanted = _remembered(self._memory)

    def choose(self, spec: dict[str, Any]) -> Origin:
        """For a container that is to be started now. Asks for a template that there is not; never waits."""
        try:
            key = forkable.key(spec)
            if self.problem:
                raise Unfit(self.problem)
            found = self._ready(key)
            found.check(spec)
            reply = forked.ask(found.control)
        except OSError as error:
            return Origin(CRUN, -1, f"started by crun, not from a template: it does not answer: {error}")
        except Unfit as reason:
            return Origin(CRUN, -1, f"started by crun, not from a template: {reason}" if str(reason) else "")
        self._live[key] = self._live.pop(key)
        return Origin(FORK, reply, "", (found.pid, found.start))

    def seen(self) -> list[dict[str, Any]]:
        """For people: those that live."""
        found = self._live.values()
        return [{"pid": each.pid, "base": each.key.layers[0], "ready": each.ground is not None} for each in found]

    def work(self) -> bool:
        """One template that is wanted, if any; True while there are more. For idle moments."""
        for key in [key for key in self._live if not _layers_exist(key)]:
            self._let_go(self._live[key])  # its image is gone
        if not self._wanted:
            return False
        key = self._wanted.pop(0)
        if key not in self._live and _layers_exist(key):
            self._launch(key)
        return bool(self._wanted)

    def handle(self, fd: int) -> None:
        """One of our fds is readable: a template's socket, or the result of its trial."""
        for found in list(self._live.values()):
            if fd == found.control:
                self._hear(found)
            elif fd == found.trial.result:
                self._judge(found)

    def ended(self, pid: int) -> None:
        """A child of the spawner was reaped. The containers of a template that died go on."""
        for found in list(self._live.values()):
            if found.pid == pid:
                self._fail(found, "" if found.ground else "it ended before it could be used")

    def _ready(self, key: Key) -> _Template:
        if key in self._broken:
            raise Unfit(self._broken[key])
        found = self._live.get(key)
        if found is None and key not in self._wanted:
            self._wanted.append(key)
        if found is None:
            raise Unfit(NOT_YET)
        return found

    def _launch(self, key: Key) -> None:
        while len(self._live) >= COUNT_MAX:
            self._let_go(next(iter(self._live.values())))
        try:
            launched = templatelaunch.launch(self._host, key)
        except OSError as error:
            self._broken[key] = f"its template cannot be started: {error}"
            return
        self._live[key] = _Template(key, launched)
        self._poller.register(launched.control, select.POLLIN)

    def _hear(self, found: _Template) -> None:
        """Its one message: what it stands on, or why it failed. After that, only its end."""
        try:
            said = os.read(found.control, wire.MESSAGE_BYTES_MAX)
        except OSError:
            said = b""
        if not said.startswith(b"{"):
            problem = said.removeprefix(b"error ").decode(errors="replace") or "it ended"
            self._fail(found, "" if found.ground else problem)
            return
        try:
            found.announced = _ground(found.pid, json.loads(said))
            found.trial = trial.begin(self._host, forked.ask(found.control), found.key, self._network.take())
        except (OSError, ValueError) as error:
            self._fail(found, str(error))
            return
        self._poller.register(found.trial.result, select.POLLIN)

    def _judge(self, found: _Template) -> None:
        problem = trial.end(found.trial, self._poller)
        found.trial = trial.NONE
        if problem:
            self._fail(found, f"its trial failed: {problem}")
            return
        found.ground = found.announced
        keys = [key for key, other in self._live.items() if other.ground]
        with contextlib.suppress(OSError):  # a full disk: the next spawner makes them when they are asked for
            wire.write_json(self._memory, {"keys": keys}, durable=False)

    def _fail(self, found: _Template, problem: str) -> None:
        """Let go of it; with a problem it is not tried again, without one it just ended."""
        if problem:
            self._broken[found.key] = f"its template does not work here: {problem}"
            print(f"homeport spawner: no template for {found.key.layers[0]}: {problem}", file=sys.stderr, flush=True)
        self._let_go(found)

    def _let_go(self, found: _Template) -> None:
        """It ends with its last child."""
        self._live.pop(found.key, None)
        trial.end(found.trial, self._poller)
        self._poller.unregister(found.control)
        os.close(found.control)


def _ground(pid: int, said: dict[str, Any]) -> Ground:
    """What it told, and what is mapped into it. Raises OSError for a template that has threads: they do not fork."""
    if len(os.listdir(f"/proc/{pid}/task")) != 1:
        raise OSError("what it imports starts threads")
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
        fields = [line.split(maxsplit=5) for line in file]
    mapped = {field[5].strip() for field in fields if len(field) == 6 and field[5].startswith("/")}
    return Ground(frozenset(mapped | set(said["files"])), frozenset(said["names"]))


def _layers_exist(key: Key) -> bool:
    return all(os.path.isdir(path) for path in (*key.layers, key.library))


def _remembered(path: str) -> list[Key]:
    """Those of the last spawner, so that the first container after a restart is as fast as the others."""
    try:
        found = wire.read_json(path) or {}
        return [_key(item) for item in found.get("keys", [])]
    except (ValueError, TypeError):  # cut off, or of another version
        return []


def _key(fields: list[Any]) -> Key:
    layers, program, argv, library, library_at, env = fields
    return Key(tuple(layers), program, tuple(argv), library, library_at, tuple((name, value) for name, value in env))
