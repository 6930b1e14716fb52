"""Towards clients: TLS with a certificate from settings, HTTP/2, and gRPC through both. On the real HAProxy."""

from __future__ import annotations

import asyncio
import datetime
import logging
import shutil
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent import futures
from http.client import HTTPResponse
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from router_bench import DEADLINE_S, HAProxyBench, free_port, played, until

from homeport.errors import InvalidError

pytestmark = pytest.mark.host
HOST = "a.localhost"
Scenario = Callable[[HAProxyBench], Awaitable[None]]


def make_certificate(folder: Path, serial: int) -> None:
    """A new key, and a certificate of its own for every `*.localhost`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))


def play(folder: Path, scenario: Scenario, redirect: bool = False) -> None:
    make_certificate(folder, 1)
    names = {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}
    played(lambda: HAProxyBench(**names, https_port=free_port(), https_redirect=redirect), scenario, "ta-1", "ta-2")


def shaken(bench: HAProxyBench, *protocols: str) -> ssl.SSLSocket:
    """A connection that has shaken hands, with whatever certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    plain = socket.create_connection(("127.0.0.1", bench.settings.https_port), timeout=DEADLINE_S)
    return context.wrap_socket(plain, server_hostname=HOST)


def serial(bench: HAProxyBench) -> int:
    with shaken(bench, "http/1.1") as connection:
        shown = connection.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


def ask(connection: ssl.SSLSocket, path: str) -> str:
    """The answer, whose body may come later than its head."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    answer = HTTPResponse(connection)
    answer.begin()
    return f"{answer.status} {answer.read().decode()}"


def test_requests_over_tls_reach_the_container_and_say_so(tmp_path: Path) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        with shaken(bench, "http/1.1") as connection:
            answer = await asyncio.to_thread(ask, connection, "/headers")
            assert answer.startswith("200 ")
            assert '"x-forwarded-proto": "https"' in answer
        with shaken(bench, "h2", "http/1.1") as connection:
            assert connection.selected_alpn_protocol() == "h2"
        assert (await bench.get()).text == "ta-1", "and without TLS as before"

    play(tmp_path, scenario)


def test_whoever_comes_without_tls_is_sent_to_it_if_asked_for(tmp_path: Path) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        answer = await bench.get("/x?y=%20z")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://{HOST}:{bench.settings.https_port}/x?y=%20z"

    play(tmp_path, scenario, redirect=True)


def test_a_renewed_certificate_is_shown_and_no_connection_ends_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        worker = await bench.pid("worker")
        with shaken(bench, "http/1.1") as connection:
            assert await asyncio.to_thread(ask, connection, "/id") == "200 ta-1"
            make_certificate(tmp_path, 2)

            async def shown() -> bool:
                return await asyncio.to_thread(serial, bench) == 2

            await until(shown, "the new certificate is shown")
            assert await asyncio.to_thread(ask, connection, "/id") == "200 ta-1"
        assert await bench.pid("worker") == worker, "no reload"

        (tmp_path / "cert.pem").write_text("not a certificate")

        async def refused() -> bool:
            return any("goes on serving" in record.message for record in caplog.records)

        await until(refused, "the bad certificate is refused")
        assert await asyncio.to_thread(serial, bench) == 2

    with caplog.at_level(logging.ERROR):
        play(tmp_path, scenario)


def test_a_certificate_that_can_not_serve_is_refused_at_the_start_in_words(tmp_path: Path) -> None:
    make_certificate(tmp_path, 1)
    other = (tmp_path / "key.pem").rename(tmp_path / "other.pem")
    make_certificate(tmp_path, 2)
    cert, missing = str(tmp_path / "cert.pem"), str(tmp_path / "missing.pem")
    for key, what in ((missing, "No such file"), (str(other), "key values mismatch")):
        bench = HAProxyBench(tls_cert=cert, tls_key=key)
        with pytest.raises(InvalidError, match=f"tls_cert '{cert}' and tls_key '{key}' can't be used: .*{what}"):
            asyncio.run(bench.real.start())
        shutil.rmtree(bench.directory)


def test_grpc_through_tls_and_http2_on_both_sides(tmp_path: Path) -> None:
    methods = {
        "Greet": grpc.unary_unary_rpc_method_handler(lambda request, _: b"Hello " + request),
        "Shout": grpc.stream_stream_rpc_method_handler(lambda requests, _: (part.upper() for part in requests)),
    }
    service = grpc.server(futures.ThreadPoolExecutor(4))
    service.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Greeter", methods),))
    port = service.add_insecure_port("127.0.0.1:0")
    service.start()

    def talk(https_port: int) -> None:
        trust = grpc.ssl_channel_credentials((tmp_path / "cert.pem").read_bytes())
        options = [("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST)]
        with grpc.secure_channel(f"127.0.0.1:{https_port}", trust, options) as channel:
            assert channel.unary_unary("/Greeter/Greet")(b"Ada", timeout=DEADLINE_S) == b"Hello Ada"
            parts = [bytes([number]) * 10_000 for number in range(97, 107)]
            said = channel.stream_stream("/Greeter/Shout")(iter(parts), timeout=DEADLINE_S)
            assert list(said) == [part.upper() for part in parts]

    async def scenario(bench: HAProxyBench) -> None:
        bench.backends["ta-1"].address = f"127.0.0.1:{port}"
        await bench.serve("ta-1", h2=True)
        await asyncio.to_thread(talk, bench.settings.https_port)

    try:
        play(tmp_path, scenario)
    finally:
        service.stop(None)
