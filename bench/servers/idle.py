"""Two hundred containers of one Server that do nothing. `COUNT` is replaced before the deploy."""

import socket
import threading

import homeport as modal

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"

COUNT = 200

app = modal.App("idle")


@app.server(unauthenticated=True, min_containers=COUNT, cpu=0.01, memory=64)
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
