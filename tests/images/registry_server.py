"""A real registry on loopback (Debian's docker-registry), with or without a login, and images made of one static program."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from free_ports import free_ports
from lacking import lacking

USER, PASSWORD = "sesame", "sesame-pw"
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuMQ76ciA779KEOznqL87E0eSkoipAlGm\n"
STARTS_IN_S = 60


@dataclass(frozen=True)
class Registry:
    address: str
    files: Path

    def push(self, storage: list[str], image: str, name: str, login: str = "") -> str:
        """Its reference here."""
        reference = f"{self.address}/{name}"
        argv = ["push", "--tls-verify=false", *([f"--creds={login}"] if login else []), image, f"docker://{reference}"]
        subprocess.run(["buildah", *storage, *argv], check=True, capture_output=True)
        return reference

    def damage(self, name: str) -> None:
        """Each layer of that image becomes something else of the same size."""
        revisions = self.files / "docker/registry/v2/repositories" / name / "_manifests/tags/latest/current/link"
        manifest = json.loads(self._blob(revisions.read_text()).read_text())
        for layer in manifest["layers"]:
            blob = self._blob(layer["digest"])
            blob.write_bytes(bytes(blob.stat().st_size))

    def _blob(self, digest: str) -> Path:
        text = digest.strip().removeprefix("sha256:")
        return self.files / "docker/registry/v2/blobs/sha256" / text[:2] / text / "data"


@contextlib.contextmanager
def registry(place: Path, *, login: bool) -> Iterator[Registry]:
    """`lacking` where there is no such program: nothing but these tests needs it."""
    unpacked = Path(sys.prefix) / "registry/usr/bin/docker-registry"  # by `make test`
    program = str(unpacked) if unpacked.exists() else shutil.which("docker-registry")
    if program is None:
        lacking("needs Debian's docker-registry: run `make test`, or apt-get install docker-registry")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    files = place / "files"
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(files)}},
        "http": {"addr": address},
    }
    if login:
        (place / "htpasswd").write_text(HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(place / "htpasswd")}}
    (place / "config.yml").write_text(json.dumps(config))
    with subprocess.Popen(
        [program, "serve", str(place / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(address)
            yield Registry(address, files)
        finally:
            process.terminate()


def _wait_for(address: str) -> None:
    host, port = address.split(":")
    end = time.monotonic() + STARTS_IN_S
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
