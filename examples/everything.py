"""What real Apps bring along: an image of several steps, a local package, Secrets, and a Volume that lasts.

homeport secret create everything-token TOKEN=sesame
homeport deploy examples/everything.py
"""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import homeport as modal

image = (
    modal.Image.debian_slim("3.11")
    .apt_install("hello")
    .pip_install("six")
    .run_commands("mkdir -p /srv/page", "hello --greeting='made while the image was built' > /srv/page/built.txt")
    .env({"PAGE": "/srv/page"})
    .add_local_python_source("greetings")
)

with image.imports():
    import greetings
    import six

app = modal.App("everything", image=image)
volume = modal.Volume.from_name("everything-visits", create_if_missing=True)
named = modal.Secret.from_name("everything-token", required_keys=["TOKEN"])
from_code = modal.Secret.from_dict({"MOOD": "cheerful"})


def count_visit(visits: Path = Path("/visits/count")) -> int:
    count = int(visits.read_text()) + 1 if visits.exists() else 1
    visits.write_text(str(count))
    volume.commit()
    return count


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = {
            "greeting": greetings.greet("everybody"),
            "built": Path(os.environ["PAGE"], "built.txt").read_text().strip(),
            "six": six.__version__,
            "mood": os.environ["MOOD"],
            "letters of the token": len(os.environ["TOKEN"]),
            "visits": count_visit(),
        }
        body = f"{json.dumps(page, indent=1)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@app.server(unauthenticated=True, secrets=[named, from_code], volumes={"/visits": volume})
class Server:
    @modal.enter()
    def start(self) -> None:
        self.http = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @modal.exit()
    def stop(self) -> None:
        self.http.shutdown()
