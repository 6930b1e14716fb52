"""What images stand on: kept, made anew when that is asked for, and given up when it doesn't come."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import stepped_time
from homeport.errors import InvalidError
from homeport.images import ImageSettings, addpython, basenames, bases, chain, runner
from homeport.images.bases import Bases
from homeport.images.failures import BuildFailed
from homeport.images.materials import NoMaterials
from homeport.images.recipe import Debian
from homeport.images.redact import Redactor
from homeport.images.runner import Finished
from homeport.images.settings import Patience
from homeport.images.storage import Invocation, Storage
from homeport.images.workplace import Workplace
from homeport.manifest.schema import ImageRecipe
from homeport.ports import Progress

SLIM = ImageRecipe()


class FakeStorage(Storage):
    """Builds and imports in no time, under the next number; `hangs` never comes to an end, `fails` says these lines."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, place)
        self.kept: dict[str, str] = {}
        self.files: list[str] = []
        self.noted: list[str] = []
        self.hangs = False
        self.fails: tuple[str, ...] = ()
        self._number = itertools.count(1)

    def names(self) -> set[str]:
        return set(self.kept)

    def find(self, name_or_id: str) -> str | None:
        return self.kept.get(name_or_id)

    async def sync(self) -> None:
        self.noted.append("synced")

    async def tag(self, image_id: str, name: str) -> None:
        self.noted.append(f"named {name}")
        self.kept[name] = self.kept.get(image_id, image_id)

    async def import_tar(self, tar: Path, digest: str, name: str, env: tuple[tuple[str, str], ...]) -> None:
        self.kept[name] = f"i{next(self._number)}"

    async def build(self, what: Invocation, place: Workplace, sink: Callable[[str], None]) -> Finished:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            return Finished(1, self.fails)
        self.files.append(what.dockerfile)
        self.kept[what.tag] = f"i{next(self._number)}"
        return Finished(0, ())


class House:
    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = FakeStorage(place)
        self.settings = ImageSettings(place, place, place, registry=None, base_limit_s=0.05)
        self.room = asyncio.Semaphore(1)
        self.bases = Bases(self.settings, self.storage, NoMaterials(), self.room)
        self.tars: list[bool] = []
        monkeypatch.setattr(bases, "base_tar", self._tar)

    async def _tar(self, cache: Path, debian: Debian, progress: Progress, *, anew: bool = False) -> tuple[Path, str]:
        self.tars.append(anew)
        return cache, "ab"

    def of(self, recipe: ImageRecipe) -> str:
        return asyncio.run(self.bases.of(recipe, Redactor(), print))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


def test_a_forced_base_is_made_anew_and_is_what_counts_from_then_on(house: House) -> None:
    first = house.of(SLIM)
    assert house.of(SLIM) == first
    forced = house.of(ImageRecipe(cache="force"))
    assert forced != first
    assert house.of(SLIM) == forced
    assert house.tars == [False, True]


def test_a_base_for_one_deploy_alone_counts_for_no_other(house: House) -> None:
    first = house.of(SLIM)
    assert house.of(ImageRecipe(cache="ignore")) != first
    assert house.of(SLIM) == first


def test_what_stands_on_a_base_is_made_anew_with_it(house: House) -> None:
    plain = ImageRecipe(base=chain.MICROMAMBA)
    before = house.of(plain)
    after = house.of(ImageRecipe(base=chain.MICROMAMBA, cache="force"))
    assert before != after == house.of(plain)
    newest = basenames.newest(bases._slim_names("3.11"), house.storage.names())
    assert house.storage.files[-1].startswith(f"FROM {newest}\n")

    def add(cache: str) -> str:
        recipe = ImageRecipe("registry", reference="x", add_python="3.11", cache=cache)
        return asyncio.run(addpython.add(recipe, "base", print, house.bases))

    assert add("") == add("")
    assert add("") != add("force") == add("")


def test_a_base_is_named_when_it_is_on_disk(house: House) -> None:
    asyncio.run(house.bases.own("localhost/homeport/x:1", "", lambda: "FROM scratch"))
    assert house.storage.noted == ["synced", "named localhost/homeport/x:1"]


def test_builds_of_bases_take_their_turn_and_end_at_their_limit(house: House) -> None:
    async def story() -> None:
        async with house.room:
            waits = asyncio.create_task(house.bases.own("x:1", "", lambda: "FROM scratch"))
            await asyncio.sleep(0)
            assert house.storage.files == []
        assert await waits
        house.storage.hangs = True
        with pytest.raises(BuildFailed, match="did not end within"):
            await house.bases.own("x:2", "", lambda: "FROM scratch")

    asyncio.run(story())


def test_a_base_that_fails_says_why_and_not_what_ran(house: House) -> None:
    house.of(SLIM)
    house.storage.fails = ("https://channel: no such host", 'Error: building at STEP "RUN exec(x)": exit status 1')
    with pytest.raises(InvalidError, match=r"could not be used: https://channel: no such host\. Use debian_slim"):
        house.of(ImageRecipe(base=chain.MICROMAMBA))


def test_the_newest_of_a_bases_names_is_the_one_with_the_highest_number() -> None:
    stored = {"a:1", "a:1.9", "a:1.10", "a:1.alone-ff", "a:11.fff", "b:1"}
    assert basenames.newest(["a:1", "b:1"], stored) == "a:1.10"
    assert basenames.newest(["b:1", "a:2"], stored) == "b:1"
    assert basenames.newest(["c:1"], stored) is None
    assert len(basenames.every(["a:1"], stored)) == 4


@pytest.mark.parametrize(
    ("says", "bytes_come", "words"),
    [
        ((), False, "did not answer within"),
        (("Copying blob x",), False, "stopped sending for"),
        (("Copying blob x",), True, "was not there after"),
    ],
)
def test_a_pull_ends_when_nothing_comes_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Sequence[str], bytes_come: bool, words: str
) -> None:
    async def stalls(argv: Sequence[str], on_line: Callable[[str], None], on_bytes: Callable[[], None]) -> Finished:
        for line in says:
            on_line(line)
        while True:
            await asyncio.sleep(0.01)
            if bytes_come:
                on_bytes()

    monkeypatch.setattr(runner, "run", stalls)
    assert words in stepped_time.run(Storage(tmp_path, tmp_path).pull("r.example/x:1", Patience(0.05, 0.05, 0.3), print))[1]


def test_what_a_program_reads_and_writes_is_noticed_and_its_waiting_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOOK_S", 0.01)
    monkeypatch.setattr(runner, "IDLE_BYTES", 1 << 20)

    async def moved(command: str, limit_s: float) -> int:
        count, until = 0, asyncio.Event()

        def on_bytes() -> None:
            nonlocal count
            count += 1
            until.set()

        running = asyncio.create_task(runner.run(["sh", "-c", f"echo begun; {command}"], on_bytes=on_bytes))
        await asyncio.wait(
            [asyncio.ensure_future(until.wait()), running], return_when=asyncio.FIRST_COMPLETED, timeout=limit_s
        )
        running.cancel()
        await asyncio.wait([running])
        return count

    assert asyncio.run(moved("exec cat /dev/zero > /dev/null", 60)) > 0
    assert asyncio.run(moved("exec sleep 600", 0.1)) == 0
