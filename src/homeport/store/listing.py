"""Which blobs are in a directory, remembered by the times of change of its folders: of the twenty thousand that a deploy
asks for, nearly all were there the last time. Owns when what is remembered may be believed. Not for several threads at once.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

SETTLED_NS = 2_000_000_000  # a folder that was changed just now may change again within one tick of its clock
KEPT_MAX = 500_000  # digests, some 60 MiB
_NAME = 62


class Listing:
    """Of `root`, where the blob `abcd…` is the file `ab/cd…`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: set[str] = set()
        self._folders: dict[str, tuple[int, list[str]]] = {}  # when each was changed, and its digests

    def digests(self) -> set[str]:
        """Of all that are there now; not to be changed. Raises OSError if the disk fails."""
        if len(self._digests) > KEPT_MAX:
            self._digests, self._folders = set(), {}
        there = set()
        with os.scandir(self._root) as found:
            for folder in found:
                if len(folder.name) == 2:
                    there.add(folder.name)
                    self._look(folder)
        for name in self._folders.keys() - there:
            self._digests.difference_update(self._folders.pop(name)[1])
        return self._digests

    def _look(self, folder: os.DirEntry[str]) -> None:
        changed_ns = folder.stat(follow_symlinks=False).st_mtime_ns
        known_ns, known = self._folders.get(folder.name, (-1, []))
        if changed_ns == known_ns:
            return
        if time.time_ns() - changed_ns < SETTLED_NS:
            changed_ns = -1
        now = [folder.name + name for name in os.listdir(folder.path) if len(name) == _NAME]
        self._digests.difference_update(known)
        self._digests.update(now)
        self._folders[folder.name] = changed_ns, now
