"""The base with micromamba as a Dockerfile: the program from its channel, and a Python in its `base` environment. Pure."""

from __future__ import annotations

import platform

CHANNEL = "https://conda.anaconda.org/conda-forge"
REVISION = "1"
PREFIX = "/opt/conda"
_SUBDIRS = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}

# The channel's own list names the newest package; its archive holds the program as one static file.
_FETCH = """
import io, json, os, sys, tarfile, urllib.request
place = sys.argv[1]
try:
    with urllib.request.urlopen(place + "/current_repodata.json", timeout=60) as answer:
        packages = json.load(answer)["packages"]
    found = [each for each in packages if packages[each]["name"] == "micromamba" and each.endswith(".tar.bz2")]
    newest = max(found, key=lambda each: packages[each].get("timestamp", 0))
    with urllib.request.urlopen(place + "/" + newest, timeout=300) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()), mode="r:bz2")
    with open("/usr/local/bin/micromamba", "wb") as file:
        file.write(archive.extractfile("bin/micromamba").read())
    os.chmod("/usr/local/bin/micromamba", 0o755)
except (OSError, ValueError) as error:
    sys.exit(f"{place}: {error}")
"""


def dockerfile(below: str, python_version: str) -> str:
    """below: a stored image with Python and certificates."""
    place = f"{CHANNEL}/{_SUBDIRS.get(platform.machine(), 'linux-64')}"
    fetch = "; ".join(["import base64", f"exec(base64.b64decode('{_encoded()}').decode())"])
    return "\n".join(
        [
            f"FROM {below}",
            f'RUN python3 -c "{fetch}" {place}',
            f"ENV MAMBA_ROOT_PREFIX={PREFIX} PATH={PREFIX}/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"RUN micromamba install --yes --name base --channel {CHANNEL} python={python_version} pip",
            "",
        ]
    )


def _encoded() -> str:
    import base64

    return base64.b64encode(_FETCH.encode()).decode()
