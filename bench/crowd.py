"""Other Apps, a lot of them, each with a container that serves: what a change to one App must not depend on."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from stage import Stage

from homeport.client.http import Client
from homeport.sdk import deploy, load, ref
from homeport.sdk.app import App

SOURCE = Path(__file__).parent / "servers" / "light.py"
AT_ONCE = 4
TELL_EVERY = 20
# Each container asks for an eighth of a core. They do nothing, so the machine can promise many times what it has.
SETTINGS = "cpu_overcommit = 64\n"


def name(number: int) -> str:
    return f"other-{number:03d}"


def deploy_all(here: Stage, count: int, source: Path = SOURCE) -> None:
    """`count` Apps more, all live at the end. Raises what a deploy raises."""
    app = load.load(ref.parse(str(source), False)).app
    with here.client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_one, client, app, number) for number in range(count)]
        try:
            for done, deployed in enumerate(as_completed(running), 1):
                deployed.result()
                if done % TELL_EVERY == 0:
                    print(f"  {done} of {count} other Apps", file=sys.stderr, flush=True)
        finally:
            for each in running:
                each.cancel()


def _one(client: Client, app: App, number: int) -> None:
    deploy.publish(app, deploy.Options(name=name(number)), client)
