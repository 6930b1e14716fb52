"""Builds for real, on a base of one static program: what a step sees, what stays, what is cached, how they end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.errors import ImageBuildError, InvalidError, NotFoundError, ResourceExhaustedError
from homeport.images import BuildahImages, ImageSettings
from homeport.images.limits import StepLimits
from homeport.manifest.schema import ImageRecipe, ImageStep, SecretRef, VolumeMount
from homeport.ports import Image
from homeport.sdk import local

from .stock import BUSYBOX, INSTALL, SESAME, Stock, run, tiny

pytestmark = pytest.mark.host

TOKEN = SecretRef("st-token", "token")
HANGS = f"sleep 600.{os.getpid()}"  # which no other run of the tests looks for


class House:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.stock = Stock(place)
        self.stock.secrets["st-token"] = {"TOKEN": SESAME}
        self.settings = replace(ImageSettings.under(place / "data", place / "cache"), registry=None)
        self.images = BuildahImages(self.settings, self.stock)
        self.said: list[str] = []

    def build(self, recipe: ImageRecipe) -> Image:
        self.said = []
        return asyncio.run(self.images.ensure(recipe, self.said.append))

    def steps(self) -> list[str]:
        return [line for line in self.said if line.startswith("STEP ")]

    def has_in_storage(self, text: str) -> bool:
        return subprocess.run(["grep", "-rqF", text, str(self.settings.root), str(self.settings.runroot)]).returncode == 0

    def leftovers(self) -> list[str]:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        grounds = self.images._storage._grounds
        cgroups = Path("/sys/fs/cgroup").glob(f"*/homeport-{grounds.limits.tag}")
        dirs = [str(path) for path in (grounds.disk, grounds.memory, *cgroups) if path.exists()]
        working = json.loads((self.settings.root / "overlay-containers/containers.json").read_text())
        return [
            *dirs,
            *(container["id"] for container in working),
            *(line for line in mounts if str(self.settings.root) in line),
        ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("images"))


def files(image: Image) -> set[str]:
    """Of the uppermost layer."""
    top = Path(image.layers[0])
    return {str(path.relative_to(top)) for path in top.rglob("*")}


def test_a_secret_is_seen_by_its_step_alone_and_kept_nowhere(house: House) -> None:
    step = replace(run("RUN test -n $TOKEN && echo it is $TOKEN"), secrets=(TOKEN,), env=(("PLAIN", "seen-once"),))
    image = house.build(tiny(step, run("RUN echo after $TOKEN $PLAIN. && env > /left")))
    assert "it is ***" in house.said
    assert "after ." in house.said
    assert not house.has_in_storage(SESAME)
    assert not house.has_in_storage("seen-once")
    assert image.env == (("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),)
    assert house.leftovers() == []


def test_settings_of_the_machine_reach_a_build_and_leave_no_trace(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy-user:proxy-pass@proxy.example:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    image = house.build(tiny(run('RUN echo "$HTTPS_PROXY $UV_DEFAULT_INDEX" && cat $PIP_CONFIG_FILE && touch /here')))
    assert "http://proxy-user:proxy-pass@proxy.example:3128 https://index.example/simple" in house.said
    assert "index-url = https://index.example/simple" in house.said
    assert {"here", "run"} >= files(image)
    log = str(house.settings.logs)
    for text in ("proxy-pass", "index.example"):
        found = subprocess.run(
            ["grep", "-rlF", text, str(house.settings.root)], capture_output=True, text=True
        ).stdout.split()
        assert [path for path in found if not path.startswith(log)] == []


def test_a_volume_is_mounted_for_its_step_and_its_content_stays_there(house: House) -> None:
    step = replace(run("RUN echo kept > /data/file"), volumes=(VolumeMount("/data", "vo-1", sub_path="part"),))
    image = house.build(tiny(step))
    assert (house.stock.volume("vo-1") / "part/file").read_text() == "kept\n"
    assert not {path for path in files(image) if path.startswith("data")}
    (house.stock.volume("vo-1") / "way-out").symlink_to("/tmp")
    led_out = replace(step, volumes=(VolumeMount("/data", "vo-1", sub_path="way-out/made"),))
    with pytest.raises(InvalidError, match="a file or symlink"):
        house.build(tiny(led_out))
    outside = replace(step, volumes=(VolumeMount("/data", "vo-1", sub_path="../.."),))
    with pytest.raises(InvalidError, match="leads out of it"):
        house.build(tiny(outside))


def test_a_steps_processes_and_memory_end_with_its_own_limits(house: House) -> None:
    """`tail` keeps a line until it ends, and /dev/zero has none."""
    tag = house.images._storage._grounds.limits.tag
    house.build(tiny(run("RUN cat /proc/self/cgroup")))
    assert [line for line in house.said if "pids:" in line and f"/homeport-{tag}/" in line]
    small = BuildahImages(house.settings, house.stock)
    small._storage._grounds = replace(small._storage._grounds, limits=StepLimits(tag, memory_mib=64))
    with pytest.raises(ImageBuildError, match="64 MiB"):
        asyncio.run(small.ensure(tiny(run("RUN tail /dev/zero")), house.said.append))
    assert house.leftovers() == []


def test_copied_files_and_folders_keep_any_name(house: House, tmp_path: Path) -> None:
    names = ["a $HOME b", 'it\'s "back\\slash"', "\u2603 [a]*? <<EOF"]
    (tmp_path / "file").touch()
    copies: list[ImageStep] = []
    for name in names:
        file, folder = local.file(tmp_path / "file", f"/srv/{name}"), local.folder(tmp_path, f"/srv/in {name}", ())
        layer = local.layer_of("add_local_file", [file, folder])
        digests = tuple(hashlib.sha256(f"{name}{place}".encode()).hexdigest() for place in range(2))
        for digest, ((path, _),) in zip(digests, layer.contexts, strict=True):
            house.stock.make_tree(digest, {path or "inner": name})
        assert not callable(layer.lines)
        copies.append(ImageStep(layer.method, layer.lines, digests))
    image = house.build(tiny(run("RUN mkdir -m 700 /srv"), *copies, run("RUN stat -c %a /srv")))
    assert house.said[-1] == "700"
    found = {path.relative_to(top): path for top in map(Path, reversed(image.layers)) for path in top.rglob("srv/**/*")}
    for name in names:
        assert found[Path("srv", name)].read_text() == found[Path("srv", f"in {name}", "inner")].read_text() == name


def test_a_step_mounts_its_own_files_and_keeps_none(house: House) -> None:
    digest = "e" * 64
    house.stock.make_tree(digest, {"wanted.txt": "from the context\n"})
    line = "RUN --mount=type=bind,source=wanted.txt,target=/wanted cat /wanted && echo $((1<<2))"
    house.build(tiny(ImageStep("dockerfile_commands", (line,), (digest,)), run("RUN test ! -s /wanted")))
    assert "from the context" in house.said
    assert "4" in house.said


def test_what_installers_download_is_for_one_build_and_in_no_layer(house: House) -> None:
    for cache in ("PIP_CACHE_DIR", "UV_CACHE_DIR", "POETRY_CACHE_DIR"):
        look = f"RUN test ! -e ${cache} && mkdir -p ${cache} && echo there > ${cache}/file"
        image = house.build(tiny(run(look), run(f"RUN cat ${cache}/file && touch /kept")))
        assert house.said[-1] == "there"
        assert {"kept", "run"} >= files(image)
    assert house.leftovers() == []


def test_a_changed_step_is_built_from_there_and_equal_ones_not_at_all(house: House) -> None:
    steps = (run("RUN date +%N > /one"), run("RUN date +%N > /two"))
    first = house.build(tiny(*steps))
    assert house.build(tiny(*steps)) == first
    assert house.said == []
    other = house.build(tiny(steps[0], run("RUN date +%N > /other")))
    assert len(house.steps()) == 1
    assert other.layers[1:] == first.layers[1:]


def test_steps_that_worked_are_not_built_again_after_one_that_failed(house: House) -> None:
    works = run("RUN date +%N > /works")
    with pytest.raises(ImageBuildError, match=r"(?s)im-\w{22} failed\.\n  step 5 of 5: RUN echo why; false .*\n  why\n"):
        house.build(tiny(works, run("RUN echo why; false")))
    house.build(tiny(works, run("RUN true")))
    assert [line.partition(": ")[2] for line in house.steps()] == ["RUN true"]


def test_steps_that_worked_are_known_after_a_restart_also_if_the_build_failed(house: House) -> None:
    works = run("RUN date +%N > /works-on")
    with pytest.raises(ImageBuildError, match="left on device"):
        house.build(tiny(works, run("RUN echo no space left on device; false")))
    house.images = BuildahImages(house.settings, house.stock)
    house.build(tiny(works, run("RUN true")))
    assert [line.partition(": ")[2] for line in house.steps()] == ["RUN true"]


def test_the_same_lines_with_another_secret_are_another_layer(house: House) -> None:
    house.stock.secrets["st-other"] = {"TOKEN": "other-value"}
    one = house.build(tiny(replace(run("RUN echo $TOKEN | md5sum > /sum"), secrets=(TOKEN,))))
    two = house.build(tiny(replace(run("RUN echo $TOKEN | md5sum > /sum"), secrets=(SecretRef("st-other"),))))
    assert Path(one.layers[0], "sum").read_text() != Path(two.layers[0], "sum").read_text()


def test_a_forced_step_is_built_anew_and_others_get_it_from_then_on(house: House) -> None:
    before, stamp, after = run("RUN date +%N > /before"), run("RUN date +%N > /stamp"), run("RUN echo after > /after")
    first = house.build(tiny(before, stamp, after))
    forced = tiny(before, replace(stamp, force=True), after)
    assert asyncio.run(house.images.get(forced)) is None
    second = house.build(forced)
    assert len(house.steps()) == 2
    assert house.build(tiny(before, stamp, after)) == second
    assert house.build(tiny(before, stamp)).layers == second.layers[1:]
    assert second.layers[2:] == first.layers[2:]
    assert asyncio.run(house.images.find(first.image_id)) == first


def test_a_build_that_ignores_the_cache_leaves_the_cached_image_as_it_is(house: House) -> None:
    recipe = tiny(run("RUN date +%N > /ignored"))
    cached = house.build(recipe)
    alone = house.build(replace(recipe, cache="ignore"))
    assert alone.image_id != cached.image_id
    assert house.build(recipe) == cached
    assert asyncio.run(house.images.find(alone.image_id)) == alone


def test_builds_that_begin_alike_build_that_part_once(house: House) -> None:
    shared = run("RUN sleep 0.5; date +%N > /shared")

    async def story() -> list[Image]:
        recipes = [tiny(shared, run(f"RUN echo {n} > /own")) for n in range(3)]
        return await asyncio.gather(*(house.images.ensure(recipe, house.said.append) for recipe in recipes))

    house.said = []
    images = asyncio.run(story())
    assert len({image.layers[1] for image in images}) == 1
    assert sum("/shared" in line for line in house.steps()) == 1


def test_a_build_that_has_to_wait_for_others_says_so(house: House) -> None:
    """Otherwise it looks as if it hung."""

    waiting, gate = "waiting until another build is over; no more are done at once", house.stock.volume("vo-gate")

    def heard(line: str) -> None:
        house.said.append(line)
        if line == waiting:
            (gate / "open").touch()

    async def story() -> None:
        images = BuildahImages(house.settings, house.stock)  # who has to wait belongs to this event loop
        steps = [run(f"RUN until test -e /gate/open; do sleep 0.05; done; echo {n} > /own") for n in range(3)]
        recipes = [tiny(replace(step, volumes=(VolumeMount("/gate", "vo-gate"),))) for step in steps]
        async with asyncio.timeout(300):
            await asyncio.gather(*(images.ensure(recipe, heard) for recipe in recipes))

    house.said = []
    asyncio.run(story())
    assert house.said.count(waiting) == 1


def test_a_step_that_hangs_ends_at_its_timeout_and_leaves_nothing(house: House) -> None:
    with pytest.raises(ImageBuildError, match=r"timed out\. Please try again with a larger `timeout` parameter"):
        house.build(tiny(replace(run(f"RUN {HANGS}"), timeout_s=1)))
    assert house.leftovers() == []
    assert subprocess.run(["pgrep", "-f", HANGS], capture_output=True).stdout == b""


def test_a_cancelled_build_leaves_no_process_and_says_so_in_its_log(house: House) -> None:
    recipe = tiny(run(f"RUN echo begun && {HANGS}"))

    async def story() -> None:
        said: asyncio.Queue[str] = asyncio.Queue()
        build = asyncio.create_task(house.images.ensure(recipe, said.put_nowait))
        while await asyncio.wait_for(said.get(), 300) != "begun":
            pass
        build.cancel()
        with pytest.raises(asyncio.CancelledError):
            await build

    asyncio.run(story())
    assert house.leftovers() == []
    assert subprocess.run(["pgrep", "-f", HANGS], capture_output=True).stdout == b""
    assert "terminated due to external shut-down" in list(house.images.log(house.images.build_of(recipe)))[-1]


def test_a_whole_dockerfile_is_built_with_its_stages_arguments_and_files(house: House) -> None:
    lines = (
        "ARG WHERE=/none",
        "FROM scratch AS made",
        "ARG WHERE",
        "COPY busybox /bin/busybox",
        "USER nobody",
        INSTALL,
        "RUN id -u > $WHERE && echo $TOKEN | wc -c",
        "FROM scratch",
        "COPY --from=made /bin /bin",
        "COPY --from=made /who /who",
        "VOLUME /data",
        'ENTRYPOINT ["/bin/sh"]',
        'CMD ["-c", "true"]',
        "WORKDIR /w",
    )
    file = ImageStep("from_dockerfile", lines, contexts=(BUSYBOX,), build_args=(("WHERE", "/who"),), secrets=(TOKEN,))
    image = house.build(ImageRecipe(base="dockerfile", steps=(file, run("RUN cat /who"))))
    assert str(len(SESAME) + 1) in house.said
    assert house.said[-1] == "0"
    assert (image.entrypoint, image.command, image.workdir, image.python_version) == (("/bin/sh",), ("-c", "true"), "/w", "")
    assert not house.has_in_storage(SESAME)


def test_mounts_of_a_dockerfile_are_of_the_build_and_its_context_alone(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where buildah has caches
    cache = "--mount=type=cache,id=../../..,target=/c"
    with pytest.raises(InvalidError, match="without variables, quotes and"):
        house.build(tiny(run(f"RUN {cache} ls /c")))
    lines = (
        "FROM scratch AS made",
        "COPY busybox /bin/busybox",
        INSTALL,
        "RUN --mount=type=bind,source=busybox,target=/it --mount=type=tmpfs,target=/t cmp /it /bin/busybox && ls /t | wc -l",
        "RUN --mount=type=cache,id=ours,target=/c ln -s / /c/out",
        "RUN --mount=type=cache,id=ours/out,target=/c echo has $(ls -A /c | wc -l)",
        "RUN --mount=type=cache,id=ours,target=/c rm /c/out",
        "RUN --mount=target=/src ! touch /src/new",
    )
    file = ImageStep("from_dockerfile", lines, contexts=(BUSYBOX,))
    house.build(ImageRecipe(base="dockerfile", steps=(file,), cache="ignore"))
    assert "has 0" in house.said


def test_a_shell_is_kept_for_the_steps_that_follow(house: House) -> None:
    with pytest.raises(ImageBuildError):
        house.build(tiny(run('SHELL ["/bin/sh", "-ec"]'), replace(run("RUN false; true"), build_args=(("A", "1"),))))


def test_a_name_means_what_was_published_last_and_an_unknown_one_is_said(house: House) -> None:
    image = house.build(tiny(run("RUN echo 1 > /named")))
    asyncio.run(house.images.publish(image, "im-" + "a" * 22, "tools", "ann"))
    on_top = ImageRecipe(base="named", reference="tools:latest", steps=(run("RUN cat /named"),))
    assert house.build(on_top).layers[1:] == image.layers
    other = house.build(tiny(run("RUN echo 2 > /named")))
    asyncio.run(house.images.publish(other, "im-" + "b" * 22, "tools", "ann"))
    assert asyncio.run(house.images.get(on_top)) is None
    assert house.build(on_top).layers[1:] == other.layers
    asyncio.run(house.images.drop(other.image_id))
    assert asyncio.run(house.images.find(other.image_id)) == other
    with pytest.raises(NotFoundError, match="'nothing:latest'"):
        house.build(ImageRecipe(base="named", reference="nothing"))


def test_what_was_cached_goes_and_what_is_needed_stays(house: House) -> None:
    kept = house.build(tiny(run("RUN echo kept > /kept")))
    with pytest.raises(ImageBuildError):
        house.build(tiny(run("RUN head -c 3000000 /dev/urandom > /big"), run("RUN false")))
    house.images._settings = replace(house.settings, cache_gib=0)
    count, size_bytes = asyncio.run(house.images.collect())
    house.images._settings = house.settings
    assert count >= 1
    assert size_bytes >= 3_000_000
    assert asyncio.run(house.images.get(tiny(run("RUN echo kept > /kept")))) == kept
    house.build(tiny(run("RUN echo kept > /kept"), run("RUN cat /kept")))
    assert house.said[-1] == "kept"


def test_a_disk_that_is_full_is_said_and_keeps_nothing_half_built(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(tmp_path)], check=True)
    try:
        house = House(tmp_path)
        house.build(tiny())
        before = {each.image_id for each in house.images._storage.stored()}
        recipe = tiny(run("RUN echo a > /a"), run("RUN dd if=/dev/zero of=/big bs=1M count=100"))
        with pytest.raises(ResourceExhaustedError, match="the disk of this platform is full"):
            house.build(recipe)
        assert {each.image_id for each in house.images._storage.stored()} == before
        assert house.build(tiny(run("RUN echo fits > /small"))).layers
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_the_log_of_a_build_is_kept_also_if_it_failed(house: House) -> None:
    recipe = tiny(run("RUN echo the reason; exit 7"))
    with pytest.raises(ImageBuildError) as failed:
        house.build(recipe)
    name = re.search(r"homeport image logs (im-\w{22})", failed.value.message)
    assert name is not None
    assert name[1] == house.images.build_of(recipe)
    assert "the reason" in list(house.images.log(name[1]))
