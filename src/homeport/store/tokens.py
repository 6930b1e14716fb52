"""API tokens: who may talk to the platform. Owns making, keeping and checking them; not what they may do.

`keys/admin-token.json` (0600) is for people and the CLI on this machine. The platform itself keeps only the sha256 of each
secret, in `keys/api-tokens.json` (0600); secrets are 128 random bits and more, so one round of hashing is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PlatformError
from ..runtime import durable

ADMIN = "admin"
ADMIN_FILE = "admin-token.json"
HASHES_FILE = "api-tokens.json"

_ALPHABET = string.ascii_letters + string.digits
NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Token:
    """`secret` never shows in a repr, so that no log gets it by accident."""

    token_id: str
    secret: str = field(repr=False)


class TokenStore:
    def __init__(self, keys: Path) -> None:
        """`keys` is the directory, which exists. Raises PlatformError for a file in it that can't be understood."""
        self._keys = keys
        self._known = _read(keys / HASHES_FILE)  # token id -> {"actor", "sha256"}

    def ensure_admin(self) -> Token:
        """The admin token, made if there is none; afterwards its file is there and it verifies. Raises OSError."""
        stored = _read(self._keys / ADMIN_FILE)
        token = Token(stored["token_id"], stored["token_secret"]) if {"token_id", "token_secret"} <= stored.keys() else None
        if token is not None and self.verify(token.token_id, token.secret) == ADMIN:
            return token
        token = Token("ak-" + random_text(22), "as-" + random_text(32))
        # the hash comes first: a token that is in the file always works
        others = {token_id: entry for token_id, entry in self._known.items() if entry["actor"] != ADMIN}
        self._save({**others, token.token_id: {"actor": ADMIN, "sha256": sha256(token.secret)}})
        document = {"token_id": token.token_id, "token_secret": token.secret}
        durable.write(self._keys / ADMIN_FILE, json.dumps(document).encode() + b"\n")
        return token

    def verify(self, token_id: str, secret: str) -> str | None:
        """The name of the actor, or None for bad credentials. Takes as long for unknown ids as for known ones."""
        entry = self._known.get(token_id)
        good = hmac.compare_digest(sha256(secret), entry["sha256"] if entry else NOBODY)
        return entry["actor"] if entry and good else None

    def _save(self, known: dict[str, dict[str, str]]) -> None:
        durable.write(self._keys / HASHES_FILE, json.dumps(known, indent=1).encode() + b"\n")
        self._known = known


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise PlatformError(f"{path} is damaged: remove it and start homeport again to get a new token.")
    return document


def sha256(secret: str) -> str:
    """In hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def random_text(length: int) -> str:
    """Letters and digits that nobody can guess."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
