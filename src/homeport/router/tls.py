"""The certificate that clients are shown: read from where its owner keeps it, checked, and followed when it is renewed.

HAProxy gets one file of its own with certificate and key, which a restart boots from. A new certificate that is no good
changes nothing: the one that served goes on. Refuses to know who issues certificates.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from ..errors import InvalidError
from . import files
from .admin import DataPlaneError, ask_master
from .settings import RouterSettings

log = logging.getLogger(__name__)
Stamp = tuple[int, ...]


class Certificate:
    """Does nothing at all where the settings name no certificate."""

    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings
        self._seen: Stamp = ()
        self._told = False  # whether HAProxy shows what is in the file

    def prepare(self) -> None:
        """Makes the file that HAProxy boots from. Raises InvalidError for a certificate that can't serve."""
        if self._settings.tls_cert:
            self._seen = self._stamp()
            changed = files.write_if_changed(self._settings.tls_pem, read(self._settings))
            self._told = not changed

    async def follow(self) -> None:
        """Shows clients what the owner's files have now. Raises DataPlaneError while HAProxy can't be told."""
        if not self._settings.tls_cert:
            return
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                if files.write_if_changed(self._settings.tls_pem, read(self._settings)):
                    self._told = False
            except InvalidError as error:
                log.error("the certificate that served goes on serving: %s", error)
        if not self._told:
            await self._tell()
            self._told = True

    async def _tell(self) -> None:
        name, text = self._settings.tls_pem, files.read(self._settings.tls_pem)
        lines = "\n".join(line for line in text.splitlines() if line)  # an empty line would end it
        said = await ask_master(self._settings.admin_socket, f"set ssl cert {name} <<\n{lines}\n")
        said += await ask_master(self._settings.admin_socket, f"commit ssl cert {name}")
        if "Success" not in said:
            raise DataPlaneError(f"HAProxy refused the new certificate: {' '.join(said.split())[:300]}")
        log.info("the certificate %s is shown to clients", self._settings.tls_cert)

    def _stamp(self) -> Stamp:
        try:
            found = [Path(name).stat() for name in (self._settings.tls_cert, self._settings.tls_key) if name]
        except OSError:
            return (0,)
        return tuple(part for stat in found for part in (stat.st_mtime_ns, stat.st_size, stat.st_ino))


def read(settings: RouterSettings) -> str:
    """Certificates, then their key, as PEM. Raises InvalidError when they can't be read or do not belong together."""
    cert, key = settings.tls_cert, settings.tls_key
    try:
        texts = [Path(name).read_text() for name in (cert, key) if name]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key or None, password=_no_password)
    except (OSError, UnicodeDecodeError) as error:  # SSLError is an OSError
        said = error.strerror or error if isinstance(error, OSError) else "it is not text"
        files_meant = f"{cert!r} and tls_key {key!r}" if key else f"{cert!r}, which has to hold the key as well,"
        raise InvalidError(f"tls_cert {files_meant} can't be used: {said}.") from None
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in texts)


def _no_password() -> str:
    raise OSError("the key has a password; remove it, as in `openssl pkey -in key.pem -out plain.pem`")
