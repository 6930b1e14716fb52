"""The keys that Secrets are encrypted with, and the key that never changes. Owns key files and encryption; knows no Secret.

`keys/secrets.json` (0600) holds the encryption keys by id: the first one encrypts, the others only decrypt. While there is
more than one, a change of the key is under way (`store.secrets` finishes it). A platform's owner may keep them elsewhere:
in a file of their own, or in HOMEPORT_SECRET_KEY, separated by commas, the newest first.

`keys/platform.json` (0600) holds one random key that is made once: what is derived from it (names of values, tokens of
containers) must not change when the other keys do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExecutionError, InvalidError, PlatformError
from ..runtime import durable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
KEYS_FILE = "secrets.json"
PLATFORM_FILE = "platform.json"
KEY_VARIABLE = "HOMEPORT_SECRET_KEY"


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted bytes, and the id of the key that opens them."""

    key_id: str
    content: bytes = field(repr=False)


class Keyring:
    """Seals with its first key, opens with any. `kept_in` is their file, or None when they come from outside."""

    def __init__(self, keys: Mapping[str, bytes], kept_in: Path | None, origin: str) -> None:
        self._keys = dict(keys)
        self._kept_in = kept_in
        self.origin = origin

    @property
    def current(self) -> str:
        return next(iter(self._keys))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The one that encrypts first."""
        return tuple(self._keys)

    def seal(self, content: bytes, owner: str) -> Sealed:
        """Only `open` with the same `owner` gives it back: what is copied to another owner does not decrypt there."""
        nonce = os.urandom(NONCE_BYTES)
        key_id = self.current
        return Sealed(key_id, nonce + _cipher(self._keys[key_id]).encrypt(nonce, content, owner.encode()))

    def open(self, sealed: Sealed, owner: str) -> bytes:
        """Raises ExecutionError in words when the key is not there, or the content is not what was sealed for `owner`."""
        from cryptography.exceptions import InvalidTag

        key = self._keys.get(sealed.key_id)
        if key is None:
            raise ExecutionError(
                f"the key {sealed.key_id} that it was encrypted with is not in {self.origin}; bring that key back, "
                "or set the Secret again"
            )
        nonce, content = sealed.content[:NONCE_BYTES], sealed.content[NONCE_BYTES:]
        try:
            return _cipher(key).decrypt(nonce, content, owner.encode())
        except (InvalidTag, ValueError):
            raise ExecutionError("what is stored of it was changed or damaged; set it again") from None

    def add(self) -> None:
        """A new key, which encrypts from now on; durable. Raises InvalidError where the keys come from outside, OSError."""
        if self._kept_in is None:
            raise InvalidError(
                f"The key comes from {self.origin}: put a new one there, before the old one and a comma, and start "
                "homeport again; then the old one can go."
            )
        key = secrets.token_bytes(KEY_BYTES)
        self._save({key_id(key): key, **self._keys})

    def retire_old(self) -> None:
        """Forgets all keys but the one that encrypts. To be called when nothing is encrypted with them any more."""
        if self._kept_in is not None and len(self._keys) > 1:
            self._save({self.current: self._keys[self.current]})

    def _save(self, keys: dict[str, bytes]) -> None:
        assert self._kept_in is not None
        _write_keys(self._kept_in, keys)
        self._keys = keys


def open_keyring(directory: Path, key_file: str = "", given: str | None = None) -> Keyring:
    """The keys that were `given` (the value of HOMEPORT_SECRET_KEY), or of `key_file`, or those in `directory`, made if
    there are none.

    Raises InvalidError or PlatformError for keys that can't be read, OSError for the disk.
    """
    if given:
        return Keyring(parse(given, KEY_VARIABLE), None, KEY_VARIABLE)
    if key_file:
        try:
            text = Path(key_file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise PlatformError(f"The key of Secrets in {key_file} can't be read: {error}.") from None
        return Keyring(parse(text, key_file), None, key_file)
    path = directory / KEYS_FILE
    try:
        keys = {str(name): base64.b64decode(str(key), validate=True) for name, key in _document(path).items()}
    except (ValueError, TypeError):
        raise _damaged(path) from None
    if not keys:
        key = secrets.token_bytes(KEY_BYTES)
        keys = {key_id(key): key}
        _write_keys(path, keys)
    if any(len(key) != KEY_BYTES for key in keys.values()):
        raise _damaged(path)
    return Keyring(keys, path, str(path))


def parse(text: str, origin: str) -> dict[str, bytes]:
    """Keys as people give them, by id: 64 hex digits or base64 of 32 bytes, several with commas. Raises InvalidError."""
    keys = [_key(part.strip(), origin) for part in text.split(",") if part.strip()]
    if not keys:
        raise InvalidError(f"{origin} contains no key; {_FORM}")
    return {key_id(key): key for key in keys}


def platform_key(directory: Path, purpose: str) -> bytes:
    """A key for one purpose, the same for the whole life of a data directory. Raises PlatformError, OSError."""
    path = directory / PLATFORM_FILE
    found = _document(path).get("key")
    if found is None:
        found = secrets.token_hex(KEY_BYTES)
        durable.write(path, json.dumps({"key": found}).encode() + b"\n")
    try:
        root = bytes.fromhex(str(found))
    except ValueError:
        raise _damaged(path) from None
    return hmac.digest(root, purpose.encode(), hashlib.sha256)


def key_id(key: bytes) -> str:
    """Names a key and says nothing about it."""
    return hashlib.sha256(b"homeport key id\0" + key).hexdigest()[:12]


_FORM = "give 32 random bytes as 64 hex digits, as `openssl rand -hex 32` makes them."


def _key(text: str, origin: str) -> bytes:
    for decode in (bytes.fromhex, lambda given: base64.b64decode(given, altchars=b"-_", validate=True)):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES:
            return bytes(key)
    raise InvalidError(f"{origin} contains something that is not a key; {_FORM}")


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _write_keys(path: Path, keys: Mapping[str, bytes]) -> None:
    durable.write(path, json.dumps({name: base64.b64encode(key).decode() for name, key in keys.items()}).encode() + b"\n")


def _document(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _damaged(path)
    return document


def _damaged(path: Path) -> PlatformError:
    return PlatformError(f"{path} is damaged: restore it from a backup. Without it no Secret can be read.")
