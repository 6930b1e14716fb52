"""`Volume` as scripts use it, against the real API on a disk; and what it says without any platform."""

from __future__ import annotations

import asyncio
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import httpx
import pytest
from fastapi import FastAPI

import homeport
from api.fakes import FakePlatform
from control.plant import Plant
from homeport.api.app import create_app
from homeport.client.config import Target
from homeport.client.http import Client
from homeport.errors import AlreadyExistsError, InvalidError, NotFoundError
from homeport.sdk.readers import volumes as read_volumes
from homeport.sdk.volume import Volume
from homeport.sdk.volume_files import FileEntryType
from homeport.store.tokens import TokenStore

from .resolving import EverythingThere


class Direct(httpx.BaseTransport):
    """Requests go into the application, without a network."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        response = await httpx.ASGITransport(self._app).handle_async_request(asked)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


class Served(FakePlatform):
    def __init__(self, root: Path) -> None:
        super().__init__(root / "fake")
        self.plant = Plant(root / "plant")
        self.volumes = self.plant.volumes

    async def delete_volume(self, volume_id: str, actor: str) -> dict[str, object]:
        deleted = self.volumes.delete(volume_id, actor)
        self.volumes.folders.drop(volume_id)
        return deleted


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "fake").mkdir()
    made = Served(tmp_path)
    yield made
    made.plant.database.close()


@pytest.fixture
def client(served: Served, tmp_path: Path) -> Client:
    tokens = TokenStore(tmp_path)
    token = tokens.ensure_admin()
    target = Target("http://127.0.0.1:7300", token.token_id, token.secret, "the test", "main")
    return Client(target, Direct(create_app(served, tokens)))


@pytest.fixture
def volume(client: Client) -> Volume:
    return Volume.from_name("data", create_if_missing=True, client=client)


def test_a_batch_is_sent_at_its_end_and_all_of_it_can_be_read(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "up/sub").mkdir(parents=True)
    (tmp_path / "up/a.txt").write_text("a")
    (tmp_path / "up/sub/run.sh").write_text("b")
    (tmp_path / "up/sub/run.sh").chmod(0o750)
    opened = io.BytesIO(b"skipped, kept")
    opened.seek(9)
    with volume.batch_upload() as batch:
        batch.put_directory(tmp_path / "up", "/tree")
        batch.put_file(str(tmp_path / "up/a.txt"), "b.txt", mode=0o600)
        batch.put_file(opened, PurePosixPath("/from/memory").as_posix())
        assert volume.listdir("/") == []
    entries = {entry.path: entry for entry in volume.iterdir("/")}
    assert sorted(entries) == ["b.txt", "from", "from/memory", "tree", "tree/a.txt", "tree/sub", "tree/sub/run.sh"]
    assert (entries["tree"].type, entries["b.txt"].type) == (FileEntryType.DIRECTORY, FileEntryType.FILE)
    assert (entries["from/memory"].size, b"".join(volume.read_file("/from/memory"))) == (4, b"kept")
    assert [entry.path for entry in volume.listdir("/")] == ["b.txt", "from", "tree"]


def test_nothing_is_sent_when_one_file_is_there_or_when_the_block_fails(volume: Volume) -> None:
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(b"old"), "b")
    again = volume.batch_upload()
    again.put_file(io.BytesIO(b"new"), "a")
    again.put_file(io.BytesIO(b"new"), "b")
    with pytest.raises(FileExistsError, match=r"'/b' exists already in the Volume; force=True \(-f\) overwrites it"):
        again.__exit__(None, None, None)
    failing = volume.batch_upload()
    failing.put_file(io.BytesIO(b"new"), "c")
    failing.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert [entry.path for entry in volume.listdir("")] == ["b"]
    with volume.batch_upload(force=True) as batch:
        batch.put_file(io.BytesIO(b"new"), "b")
    assert b"".join(volume.read_file("b")) == b"new"


def test_what_cant_be_uploaded_is_said_when_it_is_named(volume: Volume, tmp_path: Path) -> None:
    batch = volume.batch_upload()
    batch.put_file(io.BytesIO(b""), "a")
    with pytest.raises(InvalidError, match="Two files of this upload would both be '/a'"):
        batch.put_file(io.BytesIO(b""), "/a")
    with pytest.raises(InvalidError, match=r"leaves the Volume by '\.\.'"):
        batch.put_file(io.BytesIO(b""), "../a")
    with pytest.raises(InvalidError, match="is a folder; name the file"):
        batch.put_file(io.BytesIO(b""), "a/")
    with pytest.raises(InvalidError, match="is a folder; use put_directory"):
        batch.put_file(tmp_path, "x")
    with pytest.raises(NotADirectoryError):
        batch.put_directory(tmp_path / "nothing", "x")
    with pytest.raises(FileNotFoundError):
        batch.put_file(tmp_path / "nothing", "x")


def test_files_are_copied_and_removed_and_what_is_not_there_is_not_found(volume: Volume) -> None:
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(b"x" * 10), "d/a")
    volume.copy_files(["/d/a"], "/b")
    volume.copy_files(["d"], "e", recursive=True)
    volume.remove_file("d", recursive=True)
    assert [entry.path for entry in volume.iterdir("")] == ["b", "e", "e/a"]
    told: list[int] = []
    into = io.BytesIO()
    assert volume.read_file_into_fileobj("b", into, progress_cb=told.append) == 10 == sum(told)
    for attempt in (
        lambda: volume.listdir("d"),
        lambda: list(volume.read_file("d")),
        lambda: volume.remove_file("d"),
        lambda: volume.copy_files(["d"], "x"),
    ):
        with pytest.raises(FileNotFoundError, match="There is no 'd' in Volume 'data'"):
            attempt()
    with pytest.raises(InvalidError, match="Patterns are not supported"):
        volume.listdir("*")
    with pytest.raises(InvalidError, match="takes a list of paths"):
        volume.copy_files("d", "x")


def test_every_form_has_a_twin_that_does_not_block(volume: Volume, client: Client) -> None:
    async def use() -> list[str]:
        async with volume.batch_upload() as batch:
            batch.put_file(io.BytesIO(b"xyz"), "a")
        content = b"".join([chunk async for chunk in volume.read_file.aio("a")])
        await volume.copy_files.aio(["a"], "b")
        async with Volume.ephemeral(client=client) as scratch:
            assert await scratch.listdir.aio("/") == []
        return [content.decode(), *[entry.path async for entry in volume.iterdir.aio("/")]]

    assert asyncio.run(use()) == ["xyz", "a", "b"]


def test_an_ephemeral_volume_lives_as_long_as_its_block(client: Client) -> None:
    with Volume.ephemeral(client=client) as scratch:
        assert scratch.name is None
        assert scratch.info().name is None
        assert Volume.objects.list(client=client) == []
    with pytest.raises(NotFoundError):
        scratch.info()


def test_volumes_are_made_listed_renamed_and_deleted(client: Client) -> None:
    Volume.objects.create("a", client=client)
    Volume.objects.create("b", client=client)
    Volume.objects.create("a", allow_existing=True, client=client)
    with pytest.raises(AlreadyExistsError):
        Volume.objects.create("a", client=client)
    assert [volume.name for volume in Volume.objects.list(client=client)] == ["b", "a"]
    assert [volume.name for volume in Volume.objects.list(max_objects=1, client=client)] == ["b"]
    with pytest.raises(InvalidError, match="max_objects cannot be negative"):
        Volume.objects.list(max_objects=-1, client=client)
    assert Volume.objects.list(created_before="1970-01-01", client=client) == []
    made = Volume.from_name("a", client=client)
    assert made.object_id.startswith("vo-")
    Volume.rename("a", "c", client=client)
    assert Volume.from_id(made.object_id, client=client).info().name == "c"
    Volume.objects.delete("c", client=client)
    Volume.objects.delete("c", allow_missing=True, client=client)
    with pytest.raises(NotFoundError, match="Volume 'c' not found"):
        Volume.delete("c", client=client)


def test_mount_options_are_of_the_mount_and_change_no_volume() -> None:
    plain = Volume.from_name("data")
    part = plain.with_mount_options(read_only=True).with_mount_options(sub_path=PurePosixPath("/users/./ann/"))
    mount = part._mount("/data", EverythingThere())
    assert (mount.volume_id, mount.name, mount.read_only, mount.sub_path) == ("vo-data", "data", True, "users/ann")
    assert plain._mount("/data", EverythingThere()).read_only is False
    assert part.with_mount_options(sub_path="/")._mount("/", EverythingThere()).sub_path == ""
    with pytest.raises(InvalidError, match=r"The sub_path '\.\./x' leaves the Volume"):
        plain.with_mount_options(sub_path="../x")
    with pytest.raises(InvalidError, match="use its read_only= instead"):
        plain.read_only().with_mount_options(sub_path="x")
    with pytest.raises(InvalidError, match="use its read_only= instead"):
        part.read_only()


def test_what_read_only_gives_can_not_be_changed_from_a_script_either() -> None:
    guarded = Volume.from_name("data").read_only()
    for attempt in (guarded.batch_upload, lambda: guarded.remove_file("a"), lambda: guarded.copy_files(["a"], "b")):
        with pytest.raises(InvalidError, match=r"Read-only Volume can not be written to\."):
            attempt()


def test_names_and_versions_that_cant_be_are_refused_at_once() -> None:
    with pytest.raises(InvalidError, match="Invalid Volume name"):
        Volume.from_name("a b")
    with pytest.raises(InvalidError, match="must be either 1 or 2"):
        Volume.from_name("a", version=3)
    with pytest.raises(InvalidError, match="Name a Volume by"):
        Volume()


def test_a_bucket_can_be_named_and_is_refused_at_deploy() -> None:
    bucket = homeport.CloudBucketMount("models", secret=homeport.Secret.from_name("aws"), read_only=True)
    with pytest.raises(InvalidError, match=r"CloudBucketMount \('models'\) is not available in this version of homeport"):
        read_volumes({"/models": bucket})


def test_a_file_that_changes_while_it_is_sent_is_an_error(volume: Volume, tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.write_text("x")
    batch = volume.batch_upload()
    batch.put_file(path, "grows")
    subprocess.run(["sh", "-c", f"echo more >> {path}"], check=True)
    with pytest.raises(homeport.Error, match="became longer while it was sent"):
        batch.__exit__(None, None, None)
    assert volume.listdir("/") == []


def test_links_to_files_of_the_folder_are_followed(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up/a").write_text("a")
    (tmp_path / "up/link").symlink_to("a")
    with volume.batch_upload() as batch:
        batch.put_directory(tmp_path / "up", "/x")
    assert b"".join(volume.read_file("/x/link")) == b"a"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/hostname", "is a link out of .*, to /etc/hostname; put a copy there instead"),
        ("../other", "is a link out of .*; put a copy there instead"),
        ("/etc", "is a link out of .*, to /etc; put a copy there instead"),
        ("sub", "is a link to a folder, .*; put a copy there instead"),
        ("nowhere", "is a link to nothing; remove it"),
    ],
)
def test_links_that_lead_elsewhere_are_refused_by_name(volume: Volume, tmp_path: Path, target: str, words: str) -> None:
    (tmp_path / "up/sub").mkdir(parents=True)
    (tmp_path / "other").write_text("not part of it")
    (tmp_path / "up/link").symlink_to(target)
    with volume.batch_upload() as batch, pytest.raises(InvalidError, match=f"up/link {words}"):
        batch.put_directory(tmp_path / "up", "/x")
    assert volume.listdir("/") == []
