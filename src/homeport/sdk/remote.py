"""Whether this process runs inside a container of the platform. Knows nothing else, and costs nothing to import."""

from __future__ import annotations

import os


def is_local() -> bool:
    """True on the user's machine, False inside a container (environment variable MODAL_IS_REMOTE, semantics 3.7.14)."""
    return os.environ.get("MODAL_IS_REMOTE", "") not in ("1", "true", "True")
