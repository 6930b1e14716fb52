"""What a test does on a machine that lacks what it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(words: str) -> NoReturn:
    """Skips the test. In CI it fails: what is skipped there for good would look like what works."""
    if os.environ.get("CI"):
        pytest.fail(f"CI has to have it: {words}", pytrace=False)
    pytest.skip(words)
