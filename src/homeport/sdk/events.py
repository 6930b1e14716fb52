"""What a deploy tells while it goes on: values only, in the order in which they can come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mounted:
    """This file or folder will be seen there in the container."""

    local: str
    remote: str


@dataclass(frozen=True, slots=True)
class Uploading:
    """So much has to be sent, and so much of it is; not told when the platform has everything."""

    files: int
    size_bytes: int
    bytes_sent: int = 0


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is not as it should be, and the deploy goes on."""

    message: str


@dataclass(frozen=True, slots=True)
class Progress:
    """stage: check, image, publish, rollout or terminate (with `recreate`, the old containers end)."""

    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class BuildLine:
    """A line of an image build's output."""

    line: str


@dataclass(frozen=True, slots=True)
class Built:
    """The last event of an image that is built by itself. name: what it was published as, with its tag; may be empty."""

    image_id: str
    name: str


@dataclass(frozen=True, slots=True)
class DeployedServer:
    name: str
    object_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Published:
    """The version exists, durably. noop: nothing changed, so it is the one that was live already."""

    app_id: str
    app_name: str
    version: int
    noop: bool
    app_url: str
    servers: tuple[DeployedServer, ...]
    rollback_version: int | None = None  # what a rollback or rollover repeats


@dataclass(frozen=True, slots=True)
class ContainerMoved:
    container_id: str
    server: str
    version: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last event. state: live, superseded (before it was live), unchanged (a no-op), published (nobody waited).

    reason: why it was superseded.
    """

    app_id: str
    app_name: str
    version: int
    state: str
    noop: bool
    app_url: str
    servers: tuple[DeployedServer, ...]
    duration_ms: int
    containers_left: int = 0  # old ones that had not ended when a `recreate` stopped waiting for them
    rollback_version: int | None = None
    requests_cut: int = 0  # that ended with old containers, before this deployment settled
    reason: str = ""


DeployEvent = Mounted | Uploading | Warned | Progress | BuildLine | Published | ContainerMoved | Outcome
