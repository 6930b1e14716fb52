"""The user's files that the tests deploy, as text."""

from __future__ import annotations

# As the documents print it; only `import` and the App's name are added.
DOCUMENTS_EXAMPLE = """
{imports}

app = modal.App("{name}")


@app.server(unauthenticated=True)
class Server:

    @modal.enter()
    def startup(self):
        import subprocess
        subprocess.Popen("python -m http.server -d / 8000", shell=True)
"""

# It asks for little, so that many fit beside each other on a small machine.
SERVER = """
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import homeport

app = homeport.App("{name}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1)
        if self.path == "/hold":
            print("holding a request", flush=True)
            held()
        if self.path == "/stream":
            self.stream()
            return
        if self.path == "/leave":
            os._exit(3)
        if self.path == "/eat":
            self.hoard = [bytearray(1 << 20) for _ in range(1000)]
        body = (os.environ["MODAL_TASK_ID"] if self.path == "/who" else {text!r}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/hold":
            open("/tmp/answered", "w").close()

    def stream(self):  # two lines, the second one when the container is let go
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\\r\\nfirst\\n\\r\\n")
        held()
        self.wfile.write(b"5\\r\\nlast\\n\\r\\n0\\r\\n\\r\\n")

    def log_message(self, *_):
        pass


def held():
    while not os.path.exists("/tmp/go"):
        time.sleep(0.01)


class Patient(ThreadingHTTPServer):
    request_queue_size = 128  # its 5 drop connections when several people come at once


def serve(host="0.0.0.0"):
    server = Patient((host, 8000), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@app.server(unauthenticated=True, cpu=0.05{options})
class Server:
    @homeport.enter()
    def start(self):
        {enter}

    @homeport.exit()
    def stop(self):
        {exit}
        print("the exit method ran", flush=True)
"""


def documents_example(name: str, imports: str) -> str:
    return DOCUMENTS_EXAMPLE.format(name=name, imports=imports)


def server(name: str, text: str = "one", *, enter: str = "serve()", ending: str = "pass", options: str = "") -> str:
    """A Server that answers with `text`, at /slow after a second. `enter` and `ending` are one line of those methods."""
    return SERVER.format(name=name, text=text, enter=enter, exit=ending, options=f", {options}" if options else "")
