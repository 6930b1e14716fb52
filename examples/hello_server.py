"""An HTTP Server in one file. Try it: `homeport deploy examples/hello_server.py`, then change GREETING and deploy again."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import homeport as modal

GREETING = "Hello from version one"

app = modal.App("hello-server")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{GREETING}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@app.server(unauthenticated=True)
class Server:
    @modal.enter()
    def start(self) -> None:
        self.http = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @modal.exit()
    def stop(self) -> None:
        self.http.shutdown()
