"""A project that uses every method of the Image builder, as text: what its Servers answer tells what each method did."""

from __future__ import annotations

from pathlib import Path

PYPROJECT = """
[project]
name = "poems"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["iniconfig==2.0.0"]

[project.optional-dependencies]
extra = ["toml==0.10.2"]
"""
POETRY = """
[tool.poetry]
name = "poems"
version = "0.1.0"
description = "Only what is needed."
authors = []
package-mode = false

[tool.poetry.dependencies]
python = ">=3.11"
six = "1.15.0"

[[tool.poetry.source]]
name = "pypi-simple"
url = "https://pypi.org/simple/"
priority = "primary"
"""

# path: text
FILES = {
    "requirements.txt": "idna==3.6\n",
    "more.txt": "pluggy==1.4.0\n",
    "pyproject.toml": PYPROJECT,
    "poetry/pyproject.toml": POETRY,
    "context/data.txt": "data",
    "context/left.secret": "never sent",
    "context/sub/deep.txt": "deep",
    "helper/__init__.py": "WORD = 'helped'\n",
    "helper/notes.txt": "no Python",
    "attached/__init__.py": "WORD = 'attached'\n",
    "conf/Dockerfile": """
ARG NAME=nobody
FROM scratch AS first
COPY sub/deep.txt /deep.txt
FROM scratch
ARG NAME
LABEL no=effect
COPY --from=first /deep.txt /from-first.txt
COPY . /context
ENV BUILT_FOR=$NAME
""",
    "conf/.dockerignore": "*.secret\n# a comment\n",
    "conf/sub/deep.txt": "deep",
    "conf/left.secret": "never sent",
}

COMMON = """
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import homeport as modal

TIMES = 2


def versions(*names):
    return [importlib.metadata.version(name) for name in names]


def serve(seen):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(seen).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    threading.Thread(target=HTTPServer(("0.0.0.0", 8000), Handler).serve_forever, daemon=True).start()

"""

PACKAGES = (
    COMMON
    + """
slim = modal.Image.debian_slim("3.11")
installed = (
    slim.pip_install("six==1.16.0", extra_options="--no-deps")
    .pip_install_from_requirements("requirements.txt")
    .pip_install_from_pyproject("pyproject.toml", optional_dependencies=["extra"])
    .uv_pip_install("packaging==24.0", requirements=["more.txt"])
)
locked = installed.uv_sync(frozen=False, extras=["extra"])
poems = installed.poetry_install_from_file("poetry/pyproject.toml", ignore_lockfile=True)
app = modal.App("packages")


@app.server(unauthenticated=True, cpu=0.05, image=installed)
class Installed:
    @modal.enter()
    def start(self):
        serve(versions("six", "idna", "iniconfig", "toml", "packaging", "pluggy"))


@app.server(unauthenticated=True, cpu=0.05, image=locked)
class Locked:
    @modal.enter()
    def start(self):
        which = subprocess.run("command -v python", shell=True, capture_output=True, text=True).stdout.strip()
        serve([*versions("iniconfig", "toml"), sys.prefix, which])


@app.server(unauthenticated=True, cpu=0.05, image=poems)
class Poems:
    @modal.enter()
    def start(self):
        serve(versions("six"))
"""
)

STEPS = (
    COMMON
    + """
def fill(path, *, text):
    Path(path).write_text(f"{text * TIMES} {os.environ['BUILD_TOKEN'][:3]} {os.environ['ONLY']}")
    print("the token is", os.environ["BUILD_TOKEN"])


def named(image, name):
    return image.env({"PIPED": name})


secret = modal.Secret.from_name("for-builds", required_keys=["BUILD_TOKEN"])
volume = modal.Volume.from_name("for-builds", create_if_missing=True)
several_lines = '''
    cd /
    for word in one two; do
        echo "$word" >> /lines.txt
    done
    test -n "$BUILD_TOKEN"
'''
image = (
    modal.Image.debian_slim("3.11")
    .env({"PLAIN": 'x "y" $z'})
    .workdir("/work dir")
    .shell(["/bin/bash", "-c"])
    .run_commands("[[ -n $BASH_VERSION ]] && pwd > where.txt", "echo $ONLY > /vol/$ONLY", several_lines,
                  env={"ONLY": "here"}, secrets=[secret], volumes={"/vol": volume})
    .dockerfile_commands("COPY data.txt /copied.txt", ["ADD . /added/", "RUN cat /copied.txt > /both.txt"],
                         context_dir="context", ignore=["*.secret"])
    .run_function(fill, args=("/filled.txt",), kwargs={"text": "ab"}, secrets=[secret], env={"ONLY": "f"})
    .add_local_file("context/data.txt", "/layer/", copy=True)
    .add_local_dir("context", "/layer/dir", copy=True, ignore=["*.secret"])
    .add_local_python_source("helper", copy=True)
    .run_commands("echo 'WORD = 1' > /root/helper_of_the_image.py")
    .pipe(named, "yes")
    .run_commands("test -f /layer/dir/sub/deep.txt && test ! -e /vol/here && test -z \\"$BUILD_TOKEN$ONLY\\"")
    .entrypoint(["/bin/sh", "-c"])
    .cmd(["echo", "a b"])
    .add_local_file("context/data.txt", "/late/other.txt")
    .add_local_dir("context", "/late/dir", ignore=lambda path: path.suffix == ".secret")
    .add_local_python_source("attached")
)
app = modal.App("steps", image=image)

with image.imports():
    import helper_of_the_image


def text(path):
    return Path(path).read_text().strip()


def tree(path):
    return sorted(str(each.relative_to(path)) for each in Path(path).rglob("*") if "__pyc" not in str(each))


@app.server(unauthenticated=True, cpu=0.05)
class Server:
    @modal.enter()
    def start(self):
        import attached
        import helper

        serve({
            "env": [os.environ["PLAIN"], os.environ["PIPED"], os.environ.get("ONLY"), os.environ.get("BUILD_TOKEN")],
            "where": text("/work dir/where.txt"),
            "lines": text("/lines.txt").split(),
            "copied": [text("/copied.txt"), text("/both.txt"), text("/layer/data.txt"), text("/late/other.txt")],
            "trees": [tree("/added"), tree("/layer/dir"), tree("/late/dir"), tree("/root/helper")],
            "filled": text("/filled.txt"),
            "modules": [helper.WORD, attached.WORD, helper_of_the_image.WORD],
        })
"""
)

NAMED = (
    COMMON
    + """
app = modal.App("named", image=modal.Image.from_name("tools:v1").run_commands("cat /base.txt > /copy.txt"))


@app.server(unauthenticated=True, cpu=0.05)
class Server:
    @modal.enter()
    def start(self):
        serve([Path(path).read_text() for path in ("/base.txt", "/copy.txt")])
"""
)


def write(folder: Path) -> None:
    """Everything but the Apps."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
