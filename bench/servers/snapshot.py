"""A Server with a second of preparation, which is kept in its memory snapshot, and leaves soon when nobody asks."""

import socket
import threading
import time

import homeport as modal

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"

app = modal.App()


@app.server(unauthenticated=True, min_containers=0, scaledown_window=2, enable_memory_snapshot=True)
class Server:
    @modal.enter(snap=True)
    def prepare(self) -> None:
        time.sleep(1)

    @modal.enter()
    def start(self) -> None:
        listener = socket.create_server(("0.0.0.0", 8000), backlog=256)
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(65536):
                    connection.sendall(ANSWER)
