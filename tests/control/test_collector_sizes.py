"""How much is freed, also of what nobody would expect."""

from __future__ import annotations

from pathlib import Path

from deep import dig
from homeport.control.collector import BLOCK_BYTES, _size
from homeport.store.files import remove_tree


def test_what_is_deeper_than_a_path_is_long_has_a_size_too(tmp_path: Path) -> None:
    top = dig(tmp_path / "layer")
    try:
        assert _size(top) >= 1000 * BLOCK_BYTES
    finally:
        remove_tree(top)


def test_files_with_other_names_are_not_a_directorys_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(bytes(40960))
    alone = _size(tmp_path / "a", own=True)
    (tmp_path / "other").hardlink_to(tmp_path / "a" / "file")
    assert _size(tmp_path / "a") - _size(tmp_path / "a", own=True) == alone - _size(tmp_path / "a", own=True) >= 40960
    assert _size(tmp_path / "gone") == 0
