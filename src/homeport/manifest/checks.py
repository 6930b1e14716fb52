"""What makes a manifest valid, whoever wrote it. The platform runs this on every manifest that is posted.

`codec` has seen to types; here are names, ranges (semantics 2.1), paths and whatever must fit together. Whether this
machine can fulfil it (a GPU, a Secret) is for the platform to say. Answers problems as sentences and raises nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from . import names, paths, volume_paths
from .schema import AppManifest, Entry, ImageRecipe, Resources, ScalePolicy, ServerSpec
from .tree import Tree

STARTUP_TIMEOUT_MS_MAX = 24 * 3600 * 1000
EXIT_GRACE_MS_MAX = 3600 * 1000
SCALEDOWN_WINDOW_S = (2, 3600)
COUNT_MAX = 1_000_000
SESSIONS_MAX = 1_000  # per container where nothing else was said, and at most (semantics 2.5.1)
ENV_VALUE_BYTES_MAX = 64 * 1024

COMMAND_WORDS_MAX = 1_000
NO_CLASS = Entry(module="", qualname="")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,2})?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GPU = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_-]{0,31}!?(:[1-9][0-9]?)?")


def problems(manifest: AppManifest) -> list[str]:
    """Everything that is wrong with `manifest`, as sentences; empty when it is valid."""
    return [*_app(manifest), *(p for server in manifest.servers for p in _server(server))]


def source_problems(manifest: AppManifest, source: Tree) -> list[str]:
    """What is wrong with `manifest` in view of the files at /root, as sentences."""
    there = {file.path for file in source.files}
    tops = sorted({path.partition("/")[0] for path in there})
    missing = [
        f"Server {server.name!r}: the entry file {server.entry.path!r} is not among the source files, and no image step "
        "brings it."
        for server in manifest.servers
        if server.entry.path is not None and server.entry.path not in there and not _may_bring(server)
    ]
    return missing + [f"Server {server.name!r}: {p}" for server in manifest.servers for p in _over_source(server, tops)]


def setting_problems(server: ServerSpec) -> list[str]:
    """What is wrong with a Server's settings alone, whatever App it is in: ranges, and what they must have to each other."""
    found = (
        names.region_problem(server.routing_region) or "",
        *_image(server.image),
        *_limits(server),
        *scale_problems(server.scale),
        *_sessions(server),
        *_resources(server.resources),
        *_environment(server),
    )
    return [problem for problem in found if problem]


def recipe_problems(image: ImageRecipe) -> list[str]:
    """What is wrong with an image alone."""
    return list(_image(image))


def _app(manifest: AppManifest) -> Iterator[str]:
    problem = names.app_name_problem(manifest.name)
    if problem:
        yield problem
    if manifest.source and not _SHA256.fullmatch(manifest.source):
        yield f"The source {manifest.source[:80]!r} is not the digest of a tree."
    yield from filter(None, (names.app_tag_problem(key, value) for key, value in manifest.tags))
    yield from _sorted_and_single("App tag", [key for key, _ in manifest.tags])
    yield from _sorted_and_single("Server", [server.name for server in manifest.servers])
    hosts: dict[str, str] = {}
    for server in manifest.servers:
        host = names.server_host("w", "", manifest.name, server.name, region=server.routing_region, domain="d")
        other = hosts.setdefault(host, server.name)
        if other != server.name:
            yield f"Servers {other!r} and {server.name!r} would have the same URL; rename one of them."


def _server(server: ServerSpec) -> Iterator[str]:
    found = [
        "it has a class and a command; only one of them can run." if server.command and server.entry != NO_CLASS else "",
        names.object_name_problem("Server", server.name) or "",
        *(_entry(server.entry, server.serialized) if server.entry != NO_CLASS or server.serialized else _command(server)),
        *setting_problems(server),
    ]
    yield from (f"Server {server.name!r}: {problem}" for problem in found if problem)


def _command(server: ServerSpec) -> Iterator[str]:
    """A Server that is not a class."""
    if server.command and (not server.command[0] or any("\0" in word for word in server.command)):
        yield "the command has to begin with a program, and hold no NUL character."
    if len(server.command) > COMMAND_WORDS_MAX or sum(map(len, server.command)) > ENV_VALUE_BYTES_MAX:
        yield f"the command may have {COMMAND_WORDS_MAX} words and {ENV_VALUE_BYTES_MAX} characters at most."
    if server.enable_memory_snapshot:
        yield "`enable_memory_snapshot` needs a class; a Server that runs a command has no state to keep."


def _may_bring(server: ServerSpec) -> bool:
    """Whether its entry file may be there though it is not in the source."""
    return bool(server.image.steps or server.mounts)


def _entry(entry: Entry, serialized: bool) -> Iterator[str]:
    """A Server that is a class."""
    qualname = entry.qualname.replace(".<locals>.", ".") if serialized else entry.qualname
    if not _dotted(qualname):
        yield f"{entry.qualname!r} is not the name of a class in a module."
    if entry.path is None:
        if not _dotted(entry.module):
            yield f"{entry.module!r} is not the name of a module."
        return
    problem = paths.relative_problem(entry.path)
    if problem:
        yield f"the entry file {entry.path!r} {problem}."
    elif not entry.path.endswith(".py") or entry.module != entry.path.rpartition("/")[2][:-3]:
        yield f"the entry file {entry.path!r} must end in .py, and its module be named after it, not {entry.module!r}."


def _image(image: ImageRecipe) -> Iterator[str]:
    if not image.base or any(ord(character) < 33 for character in image.base):
        yield f"the image's base {image.base!r} is not a name."
    if not _PYTHON.fullmatch(image.python_version):
        yield f"the image's Python version {image.python_version!r} must look like '3.11' or '3.11.2'."
    if any(not line.strip() or "\0" in line for step in image.steps for line in step.lines):
        yield "an image step is empty."
    for step in image.steps:
        for tree in (*step.contexts, step.function.source if step.function else ""):
            if tree and not _SHA256.fullmatch(tree):
                yield f"the digest {tree[:80]!r} of files for an image step names no tree."


def _limits(server: ServerSpec) -> Iterator[str]:
    if not 1 <= server.port <= 65535:
        yield "Port must be a positive integer between 1 and 65535."
    if server.startup_timeout_ms <= 0:
        yield "The `startup_timeout` argument must be positive."
    if server.startup_timeout_ms > STARTUP_TIMEOUT_MS_MAX:
        yield "The `startup_timeout` argument must not exceed 86400 seconds (24 hours)."
    if server.exit_grace_period_ms < 0:
        yield "The `exit_grace_period` argument must not be negative."
    if server.exit_grace_period_ms > EXIT_GRACE_MS_MAX:
        yield "The `exit_grace_period` argument must not exceed 3600 seconds (1 hour)."


def scale_problems(scale: ScalePolicy) -> Iterator[str]:
    """What is wrong with autoscaler settings, from the code or changed later, as sentences."""
    target, most = scale.target_concurrency_centi, scale.max_concurrency
    if target is not None and not 100 <= target <= COUNT_MAX * 100:
        yield f"The `target_concurrency` argument must be between 1 and {COUNT_MAX}."
    if target is not None and most and target > most * 100:
        yield "The `target_concurrency` argument cannot be greater than `max_concurrency`."
    counts = ("max_concurrency", "min_containers", "max_containers", "buffer_containers")
    for name in counts:
        count = getattr(scale, name)
        lowest = 1 if name in ("max_containers", "max_concurrency") else 0
        if count is not None and not lowest <= count <= COUNT_MAX:
            yield f"The `{name}` argument must be between {lowest} and {COUNT_MAX}."
    if scale.min_containers is not None and scale.max_containers is not None and scale.min_containers > scale.max_containers:
        yield f"`min_containers` ({scale.min_containers}) cannot be greater than `max_containers` ({scale.max_containers})."
    if scale.scaleup_window_s is not None and not 0 < scale.scaleup_window_s <= COUNT_MAX:
        yield "`scaleup_window` must be > 0."
    low, high = SCALEDOWN_WINDOW_S
    if scale.scaledown_window_s is not None and not low <= scale.scaledown_window_s <= high:
        yield f"`scaledown_window` must be between {low} and {high} (inclusive)."


def _sessions(server: ServerSpec) -> Iterator[str]:
    most, target_centi = server.scale.max_concurrency or 0, server.scale.target_concurrency_centi or 0
    name = "max_concurrency" if most else "target_concurrency"
    if server.sessioned and max(most * 100, 0 if most else target_centi) > SESSIONS_MAX * 100:
        yield f"a sessioned Server can have {SESSIONS_MAX} sessions per container at most; lower `{name}`."


def _resources(resources: Resources) -> Iterator[str]:
    pairs = (
        ("cpu", resources.cpu_milli, resources.cpu_limit_milli),
        ("memory", resources.memory_mib, resources.memory_limit_mib),
    )
    for name, request, limit in pairs:
        if not 1 <= request <= 2**31 or (limit is not None and not 1 <= limit <= 2**31):
            yield f"`{name}` must be positive."
        elif limit is not None and limit < request:
            yield f"the `{name}` limit ({limit}) cannot be lower than the `{name}` request ({request})."
    if resources.ephemeral_disk_mib is not None and not 1 <= resources.ephemeral_disk_mib <= 2**31:
        yield "`ephemeral_disk` must be positive."
    yield from (
        f"GPU {gpu!r} is invalid; write it as 'H100' or 'H100:4'." for gpu in resources.gpu if not _GPU.fullmatch(gpu)
    )


def _environment(server: ServerSpec) -> Iterator[str]:
    for name, value in server.env:
        too_long = len(value.encode(errors="surrogatepass")) > ENV_VALUE_BYTES_MAX
        if not name or "=" in name or "\0" in name + value or too_long:
            yield f"the environment variable {name!r} can't be set: its name or value is not legal."
    yield from _volumes(server)
    for files in server.mounts:
        problem = paths.files_target_problem(files.target)
        if problem:
            yield f"the path {files.target!r} of local files {problem}."
        if not _SHA256.fullmatch(files.tree):
            yield f"the local files at {files.target!r} have the digest {files.tree[:80]!r}, which names no tree."
    for kind, word in [
        ("cloud", server.cloud),
        ("proxy", server.proxy),
        *(("compute_region", r) for r in server.compute_region),
    ]:
        if word is not None and not _WORD.fullmatch(word):
            yield f"`{kind}` {word!r} is not a name."
    yield from (
        f"experimental option {name!r} is not JSON." for name, value in server.experimental_options if not _json(value)
    )
    yield from _sorted_and_single("environment variable", [name for name, _ in server.env])
    yield from _sorted_and_single("Volume path", [mount.path for mount in server.volumes])
    if [files.target for files in server.mounts] != sorted(files.target for files in server.mounts):
        yield "paths of local files must be sorted."
    yield from _sorted_and_single("experimental option", [name for name, _ in server.experimental_options])
    ids = {secret.secret_id: secret.name for secret in server.secrets}
    twice = _doubles(secret.secret_id for secret in server.secrets)
    yield from (f"Secret {ids[secret_id] or secret_id!r} is given twice." for secret_id in sorted(twice))


def _volumes(server: ServerSpec) -> Iterator[str]:
    """Semantics 6.2.5. Ids are empty while it is only planned to make a Volume."""
    places: list[tuple[str, str]] = [("local files", files.target) for files in server.mounts]
    seen: dict[str, str] = {}
    for mount in server.volumes:
        what = f"Volume {mount.name!r}" if mount.name else "a Volume"
        if problem := volume_paths.place_problem(mount.path):
            yield f"the Volume path {mount.path!r} {problem}."
        yield from (
            f"{what} can't be mounted at {mount.path!r}: {problem}."
            for problem in volume_paths.overlaps(mount.path, [place for place in places if place[1] != mount.path])
        )
        if mount.sub_path and (problem := paths.relative_problem(mount.sub_path)):
            yield f"the sub_path {mount.sub_path!r} of {what} {problem.partition(';')[0]}."
        places.append((what, mount.path))
        other = seen.setdefault(mount.volume_id or mount.name, mount.path)
        if other != mount.path:
            yield (f"{what} is mounted twice, at {other!r} and {mount.path!r}; mount it once, and use folders in it.")


def _over_source(server: ServerSpec, tops: list[str]) -> Iterator[str]:
    """A Volume in place of the App's own files, or among them. tops: what of them is directly in /root."""
    source = [("the App's own source", f"/root/{top}") for top in tops]
    for mount in (m for m in server.volumes if not volume_paths.place_problem(m.path)):
        for problem in volume_paths.overlaps(mount.path, source):
            yield f"Volume {mount.name!r} can't be mounted at {mount.path!r}: {problem}."


def _sorted_and_single(kind: str, keys: list[str]) -> Iterator[str]:
    yield from (f"{kind} {key!r} is given twice." for key in sorted(_doubles(keys)))
    if keys != sorted(keys):
        yield f"{kind}s must be sorted by name."


def _doubles(keys: Iterable[str]) -> set[str]:
    return {key for key, times in Counter(keys).items() if times > 1}


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
