"""Container Device Interface (CNCF CDI): what a device adds to a container, read from the machine's descriptions.

Owns the form of these files and how their edits go into a config.json; refuses to know what a GPU is and who has one.
Only JSON is read: the standard library has no YAML. No rules of a device cgroup are written, since our cgroups have none:
a container has no device but what is made in its /dev, since it can't make nodes and nothing it can write to shows any.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

DIRECTORIES = ("/etc/cdi", "/var/run/cdi")  # what a later one says of a device holds
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
RENEW = "nvidia-ctk cdi generate --format=json --output=/etc/cdi/nvidia.json"
_YAML = (".yaml", ".yml")

Edits = dict[str, Any]
Look = Callable[[str], os.stat_result]


class Device(NamedTuple):
    """`common` is for everything of its file, once; `edits` for it alone."""

    name: str
    file: str
    common: Edits
    edits: Edits

    @property
    def nodes(self) -> tuple[str, ...]:
        """The machine's device nodes that are its own, which tell whether two names are one device."""
        found = (str(node.get("hostPath") or node["path"]) for node in self.edits.get("deviceNodes") or [])
        return tuple(sorted(set(found)))


class Found(NamedTuple):
    devices: dict[str, Device]  # by name, without the kind
    problems: list[str]  # in words, of files and devices that can't be used


def read(directories: Iterable[str], kind: str) -> Found:
    """All devices of a kind (`nvidia.com/gpu`). A directory that is not there has none. Raises OSError."""
    found: dict[str, Device] = {}
    problems: list[str] = []
    for directory in directories:
        here: dict[str, Device] = {}
        twice: set[str] = set()
        for path in _files(directory):
            if path.endswith(_YAML):
                continue
            try:
                with open(path, encoding="utf-8") as file:
                    mine = parse(file.read(), path, kind)
            except ValueError as error:
                problems.append(f"{path} can't be read: {error}")
                continue
            twice |= {device.name for device in mine if device.name in here}
            here |= {device.name: device for device in mine}
        problems += [f"{directory} describes {kind}={name} twice" for name in sorted(twice)]
        found |= here
        found = {name: device for name, device in found.items() if name not in twice}
    if not found:
        problems += [f"{path} is YAML, which is not read: {RENEW}" for path in _yaml_of(directories, kind)]
    return Found(found, problems)


def parse(text: str, file: str, kind: str) -> list[Device]:
    """The devices of one file; none if it is of another kind. Raises ValueError for what is no description."""
    said = json.loads(text)
    if not isinstance(said, dict) or not isinstance(said.get("kind"), str) or not isinstance(said.get("devices"), list):
        raise ValueError("it has no kind and devices")
    if said["kind"] != kind:
        return []
    common = _checked(said.get("containerEdits") or {})
    devices = []
    for each in said["devices"]:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise ValueError("it has a device without a name")
        devices.append(Device(each["name"], file, common, _checked(each.get("containerEdits") or {})))
    if len({device.name for device in devices}) != len(devices):
        raise ValueError("it has two devices of one name")
    return devices


def apply(config: dict[str, Any], devices: Iterable[Device], look: Look = os.stat) -> dict[str, Any]:
    """The config.json of a container that has these devices. `look` is `os.stat` of the machine's files.

    What the descriptions say of the environment holds: an image may ask for all devices there.
    Raises OSError for a file that the machine doesn't have (any more).
    """
    edited = {**config, "process": {**config["process"]}, "linux": {**config["linux"]}, "mounts": [*config["mounts"]]}
    for edits in _once(devices):
        _edit(edited, edits, look)
    return edited


def _once(devices: Iterable[Device]) -> Iterator[Edits]:
    files: set[str] = set()
    for device in devices:
        if device.file not in files:
            files.add(device.file)
            yield device.common
        yield device.edits


def _edit(config: dict[str, Any], edits: Edits, look: Look) -> None:
    process, linux = config["process"], config["linux"]
    if edits.get("env"):
        named = dict(entry.partition("=")[::2] for entry in [*process["env"], *edits["env"]])
        process["env"] = [f"{name}={value}" for name, value in named.items()]
    nodes = [_node(node, look) for node in edits.get("deviceNodes") or []]
    if nodes:
        known = linux.get("devices", [])
        taken = {node["path"] for node in known}
        linux["devices"] = [*known, *(node for node in nodes if node["path"] not in taken)]
    config["mounts"] += [_mount(mount, look) for mount in edits.get("mounts") or []]
    for hook in edits.get("hooks") or []:
        hooks = config.setdefault("hooks", {})
        entry = {key: hook[key] for key in ("path", "args", "env", "timeout") if key in hook}
        _look(look, entry["path"])
        config["hooks"] = {**hooks, hook["hookName"]: [*hooks.get(hook["hookName"], []), entry]}
    if edits.get("additionalGids"):
        user = process["user"]
        gids = [*user.get("additionalGids", []), *(gid for gid in edits["additionalGids"] if gid)]
        process["user"] = {**user, "additionalGids": list(dict.fromkeys(gids))}


def _node(node: dict[str, Any], look: Look) -> dict[str, Any]:
    """Numbers as they are now: a driver that was loaded anew may have got others than those in the description."""
    seen = _look(look, node.get("hostPath") or node["path"])
    if not (stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode)):
        raise OSError(f"{node.get('hostPath') or node['path']} is no device: {RENEW}")
    return {
        "path": node["path"],
        "type": "b" if stat.S_ISBLK(seen.st_mode) else "c",
        "major": os.major(seen.st_rdev),
        "minor": os.minor(seen.st_rdev),
        "fileMode": node.get("fileMode", stat.S_IMODE(seen.st_mode)),
        "uid": node.get("uid", 0),
        "gid": node.get("gid", 0),
    }


def _mount(mount: dict[str, Any], look: Look) -> dict[str, Any]:
    kind = mount.get("type") or "bind"
    options = list(mount.get("options") or ["ro", "nosuid", "nodev"])
    if kind == "bind":
        _look(look, mount["hostPath"])
        options += [] if {"bind", "rbind"} & set(options) else ["rbind"]
    return {"destination": mount["containerPath"], "type": kind, "source": mount["hostPath"], "options": options}


def _look(look: Look, path: str) -> os.stat_result:
    try:
        return look(path)
    except (FileNotFoundError, NotADirectoryError):
        raise OSError(
            f"{path} is not there, and the machine's description of its devices says so; renew it: {RENEW}"
        ) from None


_KEYS = {
    "deviceNodes": ("path",),
    "mounts": ("hostPath", "containerPath"),
    "hooks": ("hookName", "path"),
}
_UNKNOWN_TO_US = ("intelRdt", "netDevices")


def _checked(edits: Any) -> Edits:
    """Raises ValueError for what can't be carried out."""
    if not isinstance(edits, dict):
        raise ValueError("its containerEdits are no object")
    for what, keys in _KEYS.items():
        for entry in edits.get(what) or []:
            if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) and entry[key] for key in keys):
                raise ValueError(f"its {what} need {' and '.join(keys)}")
            if what == "hooks" and entry["hookName"] not in HOOKS:
                raise ValueError(f"there is no hook {entry['hookName']!r}")
    for entry in edits.get("env") or []:
        if not isinstance(entry, str) or "=" not in entry:
            raise ValueError("its env needs NAME=VALUE")
    for what in _UNKNOWN_TO_US:
        if edits.get(what):
            raise ValueError(f"{what} is not known here")
    return edits


def _yaml_of(directories: Iterable[str], kind: str) -> Iterator[str]:
    """Those that speak of the kind, as far as one can tell without reading YAML."""
    for directory in directories:
        for path in _files(directory):
            if path.endswith(_YAML):
                with open(path, encoding="utf-8", errors="replace") as file:
                    if kind in file.read():
                        yield path


def _files(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [f"{directory}/{name}" for name in names if name.endswith((".json", *_YAML))]
