"""What an App is, as a value: the frozen contract between the user's side and the platform.

Owns the shapes and their units. Refuses to know how they are checked (`checks`), written (`codec`), named (`digest`,
`names`) or carried out. A manifest holds no secret value, no local path and no time, so equal configurations are equal
values on every machine. There are no floats: fractions are stored in hundredths or thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the Server's class is found: `/root/<path>` is run (file) or `module` is imported (module).

    All empty for a Server without Python of ours: it runs its `command`, or else what its image is made to run.
    """

    module: str  # dotted name; for a file its stem
    qualname: str  # of the class, as `Server` or `Outer.Server`
    path: str | None = None  # `hello_server.py` when deployed by file


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A Secret by its id (semantics 1.1.5: its values are no part of a configuration)."""

    secret_id: str  # `st-` and 22 characters
    name: str = ""  # for people; empty for one that was made from values
    required_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A Volume at an absolute path in the container. `sub_path`: the folder of the Volume that is seen there."""

    path: str
    volume_id: str  # `vo-` and 22 characters
    name: str = ""  # for people
    read_only: bool = False
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class TreeMount:
    """Uploaded files at an absolute path in the container, read-only (semantics 5.10).

    What the image has beside them stays. Where several have a file of one path, the later and the deeper one counts.
    """

    target: str
    tree: str  # the digest of a `tree.Tree`; one that is a single file is shown as the file `target`


@dataclass(frozen=True, slots=True)
class BuildFunction:
    """Python that runs as a build step (semantics 5.8); `source` is the tree that is at /root meanwhile."""

    entry: Entry  # its qualname is a function's
    source: str
    arguments: str = ""  # base64 of pickled (args, kwargs)
    captured: str = ""  # sha256 of its text and of the globals that it uses


@dataclass(frozen=True, slots=True)
class ImageStep:
    """One layer: what a method of the Image builder was told."""

    method: str  # the builder's, as `pip_install`: for people
    lines: tuple[str, ...] = ()  # of a Dockerfile; COPY takes uploaded files from the build contexts `context0`, `context1`…
    contexts: tuple[str, ...] = ()  # digests of trees
    build_args: tuple[tuple[str, str], ...] = ()  # sorted by name
    env: tuple[tuple[str, str], ...] = ()  # seen by this step's commands only; sorted by name
    secrets: tuple[SecretRef, ...] = ()  # likewise, and kept nowhere
    volumes: tuple[VolumeMount, ...] = ()  # likewise
    function: BuildFunction | None = None
    timeout_s: int = 3600
    gpu: tuple[str, ...] = ()
    force: bool = False  # build it and what follows anew; no part of the image's name


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """An image as its definition: a base, and steps on top of it.

    base: `debian_slim` (of `python_version`), `registry` or `named` (of `reference`), `scratch`, `micromamba`, or
    `dockerfile`, whose first step is the whole file.
    cache: empty, `force` (build anew, and let others have it) or `ignore` (build anew for this deploy alone); no part of
    the image's name.
    """

    base: str = "debian_slim"
    python_version: str = "3.11"
    steps: tuple[ImageStep, ...] = ()
    reference: str = ""
    registry_secret: SecretRef | None = None
    add_python: str = ""  # the version to add
    cache: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests, and hard limits where the user gave a pair (semantics 7.9, 7.10)."""

    cpu_milli: int = 125
    memory_mib: int = 128
    cpu_limit_milli: int | None = None
    memory_limit_mib: int | None = None
    gpu: tuple[str, ...] = ()  # in order of preference
    ephemeral_disk_mib: int | None = None


@dataclass(frozen=True, slots=True)
class ScalePolicy:
    """Autoscaler settings from the code; None means that nothing was said (semantics 2.1.5 to 2.1.9)."""

    target_concurrency_centi: int | None = None  # hundredths of a request
    max_concurrency: int | None = None
    min_containers: int | None = None
    max_containers: int | None = None
    buffer_containers: int | None = None
    scaleup_window_s: int | None = None
    scaledown_window_s: int | None = None


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One Server of an App: everything that `@app.server(...)` was told (semantics 2.1)."""

    name: str
    entry: Entry
    image: ImageRecipe = field(default_factory=ImageRecipe)
    resources: Resources = field(default_factory=Resources)
    scale: ScalePolicy = field(default_factory=ScalePolicy)
    port: int = 8000
    startup_timeout_ms: int = 30_000
    exit_grace_period_ms: int = 0
    unauthenticated: bool = False
    h2_enabled: bool = False
    routing_region: str = "us-east"
    compute_region: tuple[str, ...] = ()
    cloud: str | None = None
    nonpreemptible: bool = False
    proxy: str | None = None
    i6pn: bool = False
    serialized: bool = False
    enable_memory_snapshot: bool = False
    env: tuple[tuple[str, str], ...] = ()  # sorted by name
    secrets: tuple[SecretRef, ...] = ()  # later ones go before earlier ones
    volumes: tuple[VolumeMount, ...] = ()  # sorted by path
    mounts: tuple[TreeMount, ...] = ()  # sorted by target; several may have the same one
    command: tuple[str, ...] = ()  # what runs instead of a class; only where `entry` is empty
    image_id: str = ""  # of the image that was built from the recipe; the platform fills it in, clients leave it empty
    sessioned: bool = False  # requests belong to sessions (semantics 2.5)
    experimental_options: tuple[tuple[str, str], ...] = ()  # values as JSON, sorted by name


@dataclass(frozen=True, slots=True)
class AppManifest:
    """One App, whole. Its digest (`digest.of`) names the deployment; `servers` are sorted by name.

    source: the digest of the `tree.Tree` at /root in all its containers; empty where there is none.
    """

    name: str
    servers: tuple[ServerSpec, ...] = ()
    source: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    schema: int = SCHEMA_VERSION
