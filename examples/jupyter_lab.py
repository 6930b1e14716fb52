"""JupyterLab as a Server, with a Volume for the notebooks. `homeport deploy examples/jupyter_lab.py`, then open its URL.

It asks for a password of its own: set TOKEN before anybody else can reach it.
"""

import os
import subprocess

import homeport as modal

TOKEN = os.environ.get("JUPYTER_TOKEN", "change-me")

app = modal.App("jupyter", image=modal.Image.debian_slim().uv_pip_install("jupyterlab"))
notebooks = modal.Volume.from_name("notebooks", create_if_missing=True)


@app.server(
    unauthenticated=True, port=8888, startup_timeout=180, env={"JUPYTER_TOKEN": TOKEN}, volumes={"/notebooks": notebooks}
)
class Jupyter:
    @modal.enter()
    def start(self) -> None:
        command = "jupyter lab --allow-root --no-browser --ip=0.0.0.0 --port=8888 --notebook-dir=/notebooks"
        subprocess.Popen([*command.split(), "--ServerApp.allow_origin=*", "--ServerApp.allow_remote_access=True"])
