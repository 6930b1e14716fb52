"""Real programs as Servers, one of each kind: any program that listens on its port will do.

FastAPI on uvicorn, Flask on gunicorn, Node, a gRPC service, a WebSocket echo and a stream of events; all from one image.
"""

import subprocess

import homeport as modal

image = (
    modal.Image.debian_slim()
    .apt_install("nodejs")
    .pip_install("fastapi", "uvicorn", "flask", "gunicorn", "grpcio", "websockets")
)
app = modal.App("programs", image=image)


@app.server(unauthenticated=True, startup_timeout=120)
class FastAPI:
    @modal.enter()
    def start(self) -> None:
        subprocess.Popen(["uvicorn", "--factory", "programs:fastapi_app", "--host", "0.0.0.0", "--port", "8000"])


@app.server(unauthenticated=True, startup_timeout=120)
class Flask:
    @modal.enter()
    def start(self) -> None:
        subprocess.Popen(["gunicorn", "programs:flask_app()", "--bind", "0.0.0.0:8000", "--workers", "2"])


@app.server(unauthenticated=True, startup_timeout=120, port=3000)
class Node:
    @modal.enter()
    def start(self) -> None:
        subprocess.Popen(["node", "-e", NODE])


@app.server(unauthenticated=True, startup_timeout=120, h2_enabled=True)
class Grpc:
    """gRPC needs HTTP/2 all the way: `h2_enabled` has the router speak it to the container."""

    @modal.enter()
    def start(self) -> None:
        self.service = grpc_service()
        self.service.start()

    @modal.exit()
    def stop(self) -> None:
        self.service.stop(grace=5).wait()


@app.server(unauthenticated=True, startup_timeout=120)
class WebSocket:
    @modal.enter()
    def start(self) -> None:
        import threading

        from websockets.sync.server import serve

        self.server = serve(echo, "0.0.0.0", 8000)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @modal.exit()
    def stop(self) -> None:
        self.server.shutdown()


@app.server(unauthenticated=True, startup_timeout=120)
class Events:
    @modal.enter()
    def start(self) -> None:
        subprocess.Popen(["uvicorn", "--factory", "programs:events_app", "--host", "0.0.0.0", "--port", "8000"])


def fastapi_app():
    import fastapi

    web = fastapi.FastAPI()

    @web.get("/items/{number}")
    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    return web


def flask_app():
    import flask

    web = flask.Flask(__name__)

    @web.post("/upper")
    def upper() -> str:
        return flask.request.get_data(as_text=True).upper()

    return web


NODE = """
const http = require('http')
http.createServer((request, answer) => {
  answer.end(`${request.method} ${request.url} by Node\\n`)
}).listen(3000, '0.0.0.0')
"""


def grpc_service():
    """Without generated code: requests and answers are bytes."""
    from concurrent import futures

    import grpc

    def greet(request, context):
        if not request:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "say a name")
        return b"Hello " + request

    def count(request, context):
        for number in range(int(request)):
            yield str(number).encode()

    def shout(requests, context):
        for request in requests:
            yield request.upper()

    methods = {
        "Greet": grpc.unary_unary_rpc_method_handler(greet),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Shout": grpc.stream_stream_rpc_method_handler(shout),
    }
    service = grpc.server(futures.ThreadPoolExecutor(8))
    service.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Greeter", methods),))
    service.add_insecure_port("0.0.0.0:8000")
    return service


def echo(connection) -> None:
    for message in connection:
        connection.send(message)


def events_app():
    import asyncio

    import fastapi
    from fastapi.responses import StreamingResponse

    web = fastapi.FastAPI()

    async def numbers():
        for number in range(5):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.1)

    @web.get("/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(numbers(), media_type="text/event-stream")

    return web
