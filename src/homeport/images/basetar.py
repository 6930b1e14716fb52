"""The bootstrapped base image as a tar, made once per user and kept. Owns the cache directory: whole files only (written
beside and renamed, with a checksum), one maker at a time (also among several platforms). Refuses to know buildah.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from ..errors import ImageBuildError
from ..ports import Progress
from . import bootstrap, mirror, runner
from .recipe import Debian

LOCK_RETRY_S = 0.2
TAIL_SHOWN = 8
APT = Path("/etc/apt")


async def base_tar(cache: Path, debian: Debian, progress: Progress, *, anew: bool = False) -> tuple[Path, str]:
    """The root file system of `debian_slim` for this Debian, and its sha256; from the cache, or made (half a minute).

    anew: the one in the cache is replaced.
    Raises ImageBuildError with mmdebstrap's last lines.
    """
    cache.mkdir(parents=True, exist_ok=True)
    name = f"{bootstrap_name(debian)}.tar"
    async with _only_one(cache / f".{name}.lock", progress):
        tar = cache / name
        if not anew and (digest := await asyncio.to_thread(_digest_if_whole, tar)):
            return tar, digest
        once = "" if anew else " once"
        which = f"{debian.suite}, Python {debian.python_version}"
        progress(f"debian: making the base image{once} from the Debian mirror ({which})")
        return tar, await _make(tar, debian, progress)


def bootstrap_name(debian: Debian) -> str:
    return f"debian_slim-{debian.python_version}-{revision(debian)}"


def revision(debian: Debian) -> str:
    return bootstrap.revision(debian, platform.machine())


async def _make(tar: Path, debian: Debian, progress: Progress) -> str:
    part = tar.with_name(f".{tar.name}.part")
    # mmdebstrap's user for downloads must be able to enter it: in the place for temporary files, not in a private cache.
    with tempfile.TemporaryDirectory(prefix="homeport-bootstrap-", ignore_cleanup_errors=True) as work:
        try:
            plan = await _plan(Path(work), part, debian)
            finished = await runner.run(bootstrap.argv(plan), _translate(progress), {"TMPDIR": str(Path(work) / "tmp")})
            if finished.returncode != 0:
                raise ImageBuildError(_why(debian, finished))
            return await asyncio.to_thread(_publish, part, tar)
        finally:
            part.unlink(missing_ok=True)
            _keep_mounts(Path(work))


async def _plan(work: Path, part: Path, debian: Debian) -> bootstrap.Bootstrap:
    (work / "tmp").mkdir()
    os.chmod(work, 0o711)
    os.chmod(work / "tmp", 0o755)
    where = mirror.archives(machine_sources(APT))
    keyring = where.signed_by or (mirror.KEYRING if Path(mirror.KEYRING).exists() else "")
    sources, settings = work / "debian.list", work / "apt.conf"
    _write_private(sources, mirror.sources_list(where, debian.suite, keyring))
    _write_private(settings, await _apt_settings())
    public = mirror.sources_list(mirror.without_credentials(where), debian.suite, mirror.KEYRING)
    return bootstrap.Bootstrap(debian, str(part), str(sources), str(settings), public)


def machine_sources(apt: Path) -> list[mirror.Source]:
    """Every entry of the apt sources below `apt`."""
    found = []
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if file.suffix in (".list", ".sources") and file.is_file():
            parse = mirror.parse_deb822 if file.suffix == ".sources" else mirror.parse_one_line
            found.extend(parse(file.read_text(errors="replace")))
    return found


async def _apt_settings() -> str:
    lines = mirror.inherited_settings(await runner.output(["apt-config", "dump"])) if shutil.which("apt-config") else ""
    if (APT / "auth.conf").exists():
        lines += f'Dir::Etc::netrc "{APT / "auth.conf"}";\n'
    if (APT / "auth.conf.d").is_dir():
        lines += f'Dir::Etc::netrcparts "{APT / "auth.conf.d"}";\n'
    return lines


def _translate(progress: Progress) -> runner.LineSink:
    def sink(line: str) -> None:
        if said := bootstrap.progress_line(line):
            progress(said)

    return sink


def _why(debian: Debian, finished: runner.Finished) -> str:
    last = [line for line in finished.tail if line.strip()][-TAIL_SHOWN:]
    return "\n  ".join([f"the base image ({debian.suite}) could not be made from the Debian mirror; apt said:", *last])


def _publish(part: Path, tar: Path) -> str:
    """The checksum first: a tar without one, or with another, is not whole."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    digest = _sha256(part)
    checksum = tar.with_name(f".{tar.name}.sha256.part")
    checksum.write_text(f"{digest}  {tar.name}\n")
    checksum.rename(_checksum_file(tar))
    part.rename(tar)
    return digest


def _digest_if_whole(tar: Path) -> str:
    """Empty if there is no tar, or not the one that was published."""
    try:
        digest = _checksum_file(tar).read_text().split()[0]
        return digest if _sha256(tar) == digest else ""
    except (FileNotFoundError, IndexError):
        return ""


def _checksum_file(tar: Path) -> Path:
    return tar.with_name(f"{tar.name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)


def _keep_mounts(work: Path) -> None:
    """A bootstrap that was killed must never have its /dev or /proc deleted through a mount that stayed."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    if any(line.split()[4].startswith(f"{work}/") for line in mounts):
        raise ImageBuildError(f"a mount was left below {work}; unmount it, then delete that directory")


@contextlib.asynccontextmanager
async def _only_one(lock: Path, progress: Progress) -> AsyncIterator[None]:
    """Among all processes of this machine. The lock goes with the process that holds it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while not _try_lock(descriptor):
            if not told:
                progress("debian: somebody else on this machine is making the same base image; waiting for it")
                told = True
            await asyncio.sleep(LOCK_RETRY_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
