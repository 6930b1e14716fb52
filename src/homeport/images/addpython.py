"""`add_python=`: a Python for images that have none. Owns where it comes from and how it is made movable.

It is taken from our `debian_slim` of that version once: interpreter, standard library, pip, and the shared libraries that
they need, but not the C library, which is the image's own. Each file finds its libraries beside itself, so nothing of the
image is changed but PATH. That it runs there is tried before the image is called built.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from ..errors import InvalidError
from ..ports import Progress
from . import recipe as recipes
from .failures import BuildFailed

if TYPE_CHECKING:
    from ..manifest.schema import ImageRecipe
    from .bases import Bases

# Runs in the base image that has the Python; argument: where the copy is to be.
_COLLECT = r"""
import glob, os, re, shutil, subprocess, sys, sysconfig
place = sys.argv[1]
name = "python%d.%d" % sys.version_info[:2]
lib, dynload = place + "/lib", place + "/lib/" + name + "/lib-dynload"
os.makedirs(place + "/bin")
program = place + "/bin/" + name
shutil.copy2(os.path.realpath(sys.executable), program)
for alias in ("python3", "python"):
    os.symlink(name, place + "/bin/" + alias)
skip = shutil.ignore_patterns("dist-packages", "site-packages", "test", "config-3*", "EXTERNALLY-MANAGED")
shutil.copytree(sysconfig.get_path("stdlib"), lib + "/" + name, symlinks=False, ignore=skip, ignore_dangling_symlinks=True)
os.makedirs(lib + "/" + name + "/site-packages")
# Debian's interpreter has `site` built in, which looks there.
os.symlink("site-packages", lib + "/" + name + "/dist-packages")

# Debian's own layout of installed packages is for /usr only: everywhere else it is the usual one.
for file, old, new in (
    ("sysconfig.py", "scheme = 'posix_local'", "scheme = 'posix_prefix'"),
    ("sysconfig/__init__.py", "scheme = 'posix_local'", "scheme = 'posix_prefix'"),
):
    path = lib + "/" + name + "/" + file
    if os.path.exists(path):
        text = open(path).read()
        open(path, "w").write(text.replace(old, new))

own = re.compile(r"(ld-linux|libc\.so|libm\.so|libdl\.so|libpthread\.so|librt\.so|libutil\.so|libresolv\.so|libmvec)")
modules = glob.glob(dynload + "/*.so")
for binary in [program, *modules]:
    for line in subprocess.run(["ldd", binary], capture_output=True, text=True).stdout.splitlines():
        found = re.search(r"=> (/\S+)", line)
        if found and not own.match(os.path.basename(found[1])):
            shutil.copy2(os.path.realpath(found[1]), lib + "/" + os.path.basename(found[1]))
run = lambda path, binary: subprocess.run(["patchelf", "--set-rpath", path, binary], check=True)
run("$ORIGIN/../lib", program)
for binary in modules:
    run("$ORIGIN/../..", binary)
for binary in glob.glob(lib + "/*.so*"):
    run("$ORIGIN", binary)

wheels = glob.glob("/usr/share/python-wheels/*.whl")
if wheels:
    pip = next(wheel for wheel in wheels if os.path.basename(wheel).startswith("pip-"))
    names = [n for n in ("pip", "setuptools", "wheel") if any(os.path.basename(w).startswith(n + "-") for w in wheels)]
    argv = [program, pip + "/pip", "install", "--no-index", "--find-links=/usr/share/python-wheels", *names]
else:
    argv = [program, "-m", "ensurepip", "--upgrade"]
subprocess.run(argv, check=True)
subprocess.run([program, "-m", "compileall", "-q", lib + "/" + name], stdout=subprocess.DEVNULL)
"""
CHECK = (
    "import ssl, sqlite3, ctypes, zlib, bz2, lzma, hashlib, pip; print('Python', __import__('platform').python_version())"
)
REVISION = hashlib.sha256(_COLLECT.encode()).hexdigest()[:12]


async def add(recipe: ImageRecipe, base: str, tell: Progress, bases: Bases) -> str:
    """`base` with the Python that the recipe adds; returns the id. Raises InvalidError if that can't be had, BuildFailed."""
    version = recipe.add_python
    place = f"/opt/python{version}"
    slim = await bases.slim(version, recipe.cache, tell)

    def make_donor() -> str:
        tell(f"making a Python {version} that can be added to images, once")
        return donor_dockerfile(slim, place)

    donor = await bases.own(f"{recipes.NAMESPACE}/python:{version}-{REVISION}", recipe.cache, make_donor)
    made = f"{recipes.NAMESPACE}/with-python:{version}-{REVISION}-{base[:24]}"
    try:
        tell(f"adding Python {version}")
        return await bases.own(made, recipe.cache, lambda: adding_dockerfile(base, donor, place))
    except BuildFailed as failure:
        raise InvalidError(
            f"add_python={version!r} can't be had on this image: its C library is not glibc, or an older one than this "
            f"Python needs ({_reason(failure)}). Use an image that has a Python of its own, or one of a newer distribution."
        ) from None


def donor_dockerfile(slim: str, place: str) -> str:
    script = base64.b64encode(_COLLECT.encode()).decode()
    return "\n".join(
        [
            f"FROM {slim} AS made",
            "RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends patchelf",
            f"RUN python3 -c \"import base64; exec(base64.b64decode('{script}'))\" {place}",
            "FROM scratch",
            f"COPY --from=made {place} {place}",
            "",
        ]
    )


def adding_dockerfile(base: str, donor: str, place: str) -> str:
    return "\n".join(
        [
            f"FROM {base}",
            f"COPY --from={donor} {place} {place}",
            f"ENV PATH={place}/bin:${{PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}}",
            f'RUN ["{place}/bin/python3", "-c", "{CHECK}"]',
            "",
        ]
    )


def _reason(failure: BuildFailed) -> str:
    words = [line for line in failure.lines if "GLIBC" in line or "not found" in line or "o such file" in line]
    return (words or list(failure.lines) or ["it did not run"])[-1].removeprefix("Error: ").strip()
