"""The least that a Server can be: one of many that stand beside the one that is measured. Deployed under many names."""

import socket
import threading

import homeport as modal

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"

app = modal.App()


@app.server(unauthenticated=True, min_containers=1, memory=64)
class Server:
    @modal.enter()
    def start(self) -> None:
        listener = socket.create_server(("0.0.0.0", 8000))
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(65536):
                    connection.sendall(ANSWER)
