"""Where images lie and how long a registry may take. Values only; nothing here is read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REGISTRY_DEFAULT = "docker.io/library/python"
ANSWER_TIMEOUT_S = 10
REGISTRY_REST_S = 300
STALL_S = 60
BASE_LIMIT_S = 3600  # as long as a step may take that says nothing


@dataclass(frozen=True, slots=True)
class Patience:
    """With a registry: until its first word, while nothing comes, and in all."""

    answer_s: float
    stall_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """`registry` is the reference of the official Python image without its tag; None means that none is asked."""

    root: Path  # containers-storage and our index: `<data dir>/images`
    runroot: Path  # what need not survive a boot: `<data dir>/run/images`
    cache: Path  # bootstrapped base images, shared by all platforms of one user
    registry: str | None = REGISTRY_DEFAULT
    answer_timeout_s: float = ANSWER_TIMEOUT_S  # until a registry says its first word
    stall_s: float = STALL_S  # then, until a pull that receives nothing is given up
    base_limit_s: float = BASE_LIMIT_S  # for all that a base image takes: a pull, each build, the Debian mirror
    rest_s: float = REGISTRY_REST_S  # after a registry failed, it is not asked again for so long
    guest_lib: Path | None = None  # the directory that holds our package as containers see it, for functions in builds
    cache_gib: int = 20  # of layers that no image needs
    cache_days: int = 14
    build_memory_gib: int = 0  # that one build may use; 0 is half of the machine's

    @property
    def patience(self) -> Patience:
        return Patience(self.answer_timeout_s, self.stall_s, self.base_limit_s)

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @classmethod
    def under(cls, data_dir: Path, cache: Path) -> ImageSettings:
        """The usual places inside a data dir."""
        return cls(root=data_dir / "images", runroot=data_dir / "run" / "images", cache=cache)
