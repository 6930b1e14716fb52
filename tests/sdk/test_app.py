"""What users write: `App`, `@app.server(...)` and the classes it takes (semantics 2.1)."""

import asyncio
import math
import warnings
from typing import Any

import pytest

import homeport as modal
from homeport.errors import InvalidError
from homeport.manifest.schema import SecretRef, ServerSpec, VolumeMount
from homeport.sdk.server import Server
from homeport.sdk.twins import twin

from .resolving import EverythingThere


def decorated(**settings: object) -> ServerSpec:
    app = modal.App("x")

    @app.server(**settings)  # type: ignore[arg-type]
    class Plain:
        @modal.enter()
        def start(self) -> None: ...

    assert isinstance(Plain, Server)
    assert Plain._options is not None
    return Plain._options.spec


def test_the_documents_example_has_the_documented_defaults() -> None:
    spec = top_level(unauthenticated=True)
    assert (spec.name, spec.port, spec.unauthenticated, spec.h2_enabled) == ("Plain", 8000, True, False)
    assert (spec.startup_timeout_ms, spec.exit_grace_period_ms, spec.routing_region) == (30_000, 0, "us-east")
    assert (spec.resources.cpu_milli, spec.resources.memory_mib) == (125, 128)
    assert spec.scale == type(spec.scale)()


class Plain:
    @modal.enter()
    def start(self) -> None: ...


def top_level(**settings: object) -> ServerSpec:
    server = modal.App("x").server(**settings)(Plain)  # type: ignore[arg-type]
    assert server._options is not None
    return server._options.resolved(EverythingThere())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"port": 0}, "Port must be a positive integer between 1 and 65535."),
        ({"port": 70000}, "Port must be a positive integer between 1 and 65535."),
        ({"port": "8000"}, "Port must be a positive integer between 1 and 65535."),
        ({"port": True}, "Port must be a positive integer between 1 and 65535."),
        ({"startup_timeout": 0}, "The `startup_timeout` argument must be positive."),
        ({"startup_timeout": -0.0001}, "The `startup_timeout` argument must be positive."),
        ({"startup_timeout": "30"}, "`startup_timeout` must be a number, not '30'."),
        ({"exit_grace_period": 3601}, "The `exit_grace_period` argument must not exceed 3600 seconds (1 hour)."),
        ({"exit_grace_period": -1}, "The `exit_grace_period` argument must not be negative."),
        ({"routing_region": ""}, "The `routing_region` argument must be passed."),
        ({"routing_region": None}, "The `routing_region` argument must be passed."),
        ({"target_concurrency": True}, "`target_concurrency` must be a number, not True."),
        ({"target_concurrency": math.inf}, "`target_concurrency` must be a number, not inf."),
        ({"target_concurrency": math.nan}, "`target_concurrency` must be a number, not nan."),
        ({"target_concurrency": -1}, "The `target_concurrency` argument must not be negative."),
        (
            {"target_concurrency": 9, "max_concurrency": 8},
            "The `target_concurrency` argument cannot be greater than `max_concurrency`.",
        ),
        ({"max_concurrency": 1.5}, "`max_concurrency` must be a whole number, not 1.5."),
        ({"max_concurrency": -1}, "The `max_concurrency` argument must be between 1 and 1000000."),
        (
            {"experimental_options": {"max_concurrency": 3}},
            "Set `max_concurrency` by its own argument, not in `experimental_options`.",
        ),
        ({"min_containers": 2, "max_containers": 1}, "`min_containers` (2) cannot be greater than `max_containers` (1)."),
        ({"min_containers": -1}, "The `min_containers` argument must be between 0 and 1000000."),
        ({"scaledown_window": 1}, "`scaledown_window` must be between 2 and 3600 (inclusive)."),
        ({"scaleup_window": 0}, "`scaleup_window` must be > 0."),
        ({"cpu": 0}, "`cpu` must be positive."),
        ({"cpu": (2, 1)}, "the `cpu` limit (1000) cannot be lower than the `cpu` request (2000)."),
        ({"cpu": (1, 2, 3)}, "`cpu` must be a request or a pair (request, limit), not (1, 2, 3)."),
        ({"memory": 0.5}, "`memory` must be a whole number, not 0.5."),
        ({"gpu": 3}, "`gpu` must be text or a list of texts, not 3."),
        ({"unauthenticated": 1}, "`unauthenticated` must be True or False, not 1."),
        ({"env": {"A": 1}}, "`env['A']` must be text, not 1."),
        ({"secrets": ["name"]}, "`secrets` must hold Secrets, as in Secret.from_name('api-key'), not 'name'."),
        ({"volumes": {"/data": "v"}}, "`volumes` must map paths to Volumes, as in Volume.from_name('data'), not to 'v'."),
        ({"volumes": {"data": modal.Volume.from_name("v")}}, "the Volume path 'data' must be absolute."),
        ({"image": "debian"}, "`image` must be an Image, as in Image.debian_slim(), not 'debian'."),
        ({"name": "a b"}, "Invalid Server name: 'a b'."),
        ({"experimental_options": {"x": object}}, "`experimental_options` must hold JSON values"),
    ],
)
def test_a_setting_that_is_not_legal_is_refused_where_it_is_written(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        modal.App("x").server(**settings)  # type: ignore[arg-type]
    assert caught.value.message.startswith(words)


def test_settings_are_recorded_in_whole_numbers() -> None:
    spec = top_level(
        cpu=(0.5, 2.0),
        memory=(256, 512),
        gpu=["h100:2", "A100"],
        target_concurrency=2.344,
        max_concurrency=10,
        startup_timeout=1.5,
        env={"B": "2", "A": "1", "C": None},
        secrets=[modal.Secret.from_name("s")],
        volumes={"/data/": modal.Volume.from_name("v")},
        compute_region="us-east",
        proxy=modal.Proxy.from_name("office"),
        experimental_options={"x": {"b": 1, "a": None}},
    )
    assert (spec.resources.cpu_milli, spec.resources.cpu_limit_milli) == (500, 2000)
    assert (spec.resources.memory_mib, spec.resources.memory_limit_mib) == (256, 512)
    assert spec.resources.gpu == ("H100:2", "A100")
    assert spec.scale.target_concurrency_centi == 234
    assert spec.startup_timeout_ms == 1500
    assert spec.env == (("A", "1"), ("B", "2"))
    assert spec.secrets == (SecretRef("st-s", "s"),)
    assert (spec.volumes, spec.proxy) == ((VolumeMount("/data", "vo-v", "v"),), "office")
    assert spec.compute_region == ("us-east",)
    assert spec.experimental_options == (("x", '{"a": null, "b": 1}'),)


@pytest.mark.parametrize(("given", "kept"), [(None, None), (0, None), (0.2, 100), (1, 100), (0.001, 100), (7, 700)])
def test_target_concurrency_is_off_at_zero_and_at_least_one_otherwise(given: float | None, kept: int | None) -> None:
    assert top_level(target_concurrency=given).scale.target_concurrency_centi == kept


def test_an_app_gives_defaults_to_its_servers() -> None:
    app = modal.App(
        "x",
        image=modal.Image.debian_slim("3.12"),
        secrets=[modal.Secret.from_name("a")],
        volumes={"/a": modal.Volume.from_name("a")},
    )
    server = app.server(secrets=[modal.Secret.from_name("b")], volumes={"/b": modal.Volume.from_name("b")})(Plain)
    assert server._options is not None
    spec = server._options.resolved(EverythingThere())
    assert (spec.image.python_version, [secret.name for secret in spec.secrets]) == ("3.12", ["a", "b"])
    assert [(mount.path, mount.name) for mount in spec.volumes] == [("/a", "a"), ("/b", "b")]
    assert app.registered_servers == {"Plain": server}


def test_the_decorator_is_for_classes() -> None:
    with pytest.raises(TypeError, match=r"The @app\.server\(\) decorator must be used on a class\."):
        modal.App("x").server()(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="parentheses"):
        modal.App("x").server(Plain)
    with pytest.raises(InvalidError, match=r"Write `@enter\(\)` with its parentheses"):
        modal.enter(lambda self: None)
    with pytest.raises(InvalidError, match="must be on a method"):
        modal.exit()(Plain)


class WithoutEnter:
    @modal.exit()
    def stop(self) -> None: ...


class WithInit(Plain):
    def __init__(self) -> None: ...


class WithParameter(Plain):
    size: int = modal.parameter(default=1)


class WithSnap:
    @modal.enter(snap=True)
    def start(self) -> None: ...


class WithArgument:
    @modal.enter()
    def start(self, port: int) -> None: ...


@modal.clustered(size=2)
class WithClustered(Plain):
    pass


@modal.concurrent(max_inputs=3)
class WithConcurrent(Plain):
    pass


@pytest.mark.parametrize(
    ("user_cls", "words"),
    [
        (WithoutEnter, "Server class must have an @modal.enter() to setup the server."),
        (WithInit, "Server class WithInit cannot have a custom `__init__`"),
        (WithParameter, "Server class cannot have parameters: WithParameter.size"),
        (WithSnap, "WithSnap.start uses @modal.enter(snap=True), which needs `enable_memory_snapshot=True`"),
        (WithArgument, "WithArgument.start must take `self` and nothing else"),
        (
            WithConcurrent,
            "Server class WithConcurrent cannot be decorated with @modal.concurrent(). Please use `target_concurrency`",
        ),
        (WithClustered, "Server class WithClustered cannot be decorated with @modal.clustered(): clusters are not"),
    ],
)
def test_a_class_that_can_not_be_a_server_is_refused(user_cls: type, words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        modal.App("x").server()(user_cls)
    assert caught.value.message.startswith(words)


@pytest.mark.parametrize(
    ("name", "decorator"),
    [
        ("method", modal.method()),
        ("batched", modal.batched(max_batch_size=2, wait_ms=1)),
        ("fastapi_endpoint", modal.fastapi_endpoint()),
        ("asgi_app", modal.asgi_app()),
        ("wsgi_app", modal.wsgi_app()),
        ("web_server", modal.web_server(8000)),
    ],
)
def test_a_method_that_is_called_or_has_an_url_is_refused(name: str, decorator: Any) -> None:
    user_cls = type("WithCall", (Plain,), {"__module__": __name__, "call": decorator(lambda self: None)})
    with pytest.raises(InvalidError) as caught:
        modal.App("x").server()(user_cls)
    assert caught.value.message.startswith(f"Server class cannot have @modal.{name}() (on WithCall.call)")


@pytest.mark.parametrize("setting", ["retries", "timeout", "single_use_containers", "max_inputs", "schedule"])
def test_settings_of_functions_are_refused_by_name(setting: str) -> None:
    server: Any = modal.App("x").server
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{setting}'"):
        server(**{setting: 1})


def test_a_server_is_not_called() -> None:
    server: Any = modal.App("x").server()(Plain)
    assert not callable(server)
    for name in ("remote", "local", "spawn", "map", "with_options"):
        with pytest.raises(AttributeError, match=f"A Server has no attribute '{name}'; requests are handled by"):
            getattr(server, name)


def test_a_class_in_a_function_is_refused_without_advice_that_a_deploy_refuses() -> None:
    with pytest.raises(InvalidError, match=r"defined inside a function; move it to the top level of its file\.$"):
        decorated()
    assert decorated(serialized=True).serialized


def test_concurrent_above_the_server_is_refused_too() -> None:
    server = modal.App("x").server()(Plain)
    with pytest.raises(InvalidError, match="Please use `target_concurrency` param instead"):
        modal.concurrent(max_inputs=2)(server)  # type: ignore[type-var]


def test_a_snapshot_is_allowed_when_it_is_enabled_and_inherited_hooks_count() -> None:
    class_with_inherited_enter = type("Derived", (Plain,), {"__module__": __name__})
    app = modal.App("x")
    app.server(enable_memory_snapshot=True)(WithSnap)
    app.server()(class_with_inherited_enter)
    assert list(app.registered_servers) == ["WithSnap", "Derived"]


def test_lifecycle_decorators_only_mark_the_function() -> None:
    @modal.exit()
    @modal.enter(snap=True)
    def both(self: object) -> str:
        return "x"

    assert both._homeport_lifecycle == frozenset({"enter_snap", "exit"})  # type: ignore[attr-defined]
    assert both(None) == "x"


def test_a_later_server_of_one_name_wins_with_a_warning() -> None:
    app = modal.App("x")
    app.server(port=1)(Plain)
    with pytest.warns(UserWarning, match="two Servers called 'Plain'; the later one wins"):
        later = app.server(port=2)(Plain)
    assert app.registered_servers == {"Plain": later}


def test_include_takes_over_servers_and_tags() -> None:
    app, part = modal.App("x", tags={"team": "a"}), modal.App("part", tags={"team": "b", "cost": "c"})
    server = part.server()(Plain)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert app.include(part) is app
    assert app.registered_servers == {"Plain": server}
    assert app._tags == {"team": "a", "cost": "c"}
    with pytest.raises(InvalidError, match="takes another App"):
        app.include(app)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: modal.App("a b"), "Invalid App name: 'a b'."),
        (lambda: modal.App(3), "`name` must be text, not 3."),
        (lambda: modal.App("x", tags={"a": "b c"}), "App tag value 'b c' is invalid."),
        (
            lambda: modal.App("x").function(),
            "Functions are not supported by this version of homeport yet; use @app.server().",
        ),
        (lambda: modal.App("x").cls(), "Functions are not supported by this version of homeport yet"),
        (lambda: modal.Image(), "Make an image by `Image.debian_slim()`"),
        (lambda: modal.Image.debian_slim(3.11), "`python_version` must be text such as '3.11', not 3.11"),
        (lambda: modal.Image.debian_slim("3"), "`python_version` must look like '3.11' or '3.11.2', not '3'."),
        (lambda: modal.Secret.from_name("a b"), "Invalid Secret name: 'a b'."),
        (lambda: Server(), "Put `@app.server()` on a class"),
    ],
)
def test_what_can_not_be_made_is_refused_in_words(make: object, words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.message.startswith(words)


def test_an_image_is_a_value() -> None:
    image = modal.Image.debian_slim("3.11.2")
    assert image == modal.Image.debian_slim("3.11.2")
    assert hash(image) == hash(modal.Image.debian_slim("3.11.2"))
    assert image != modal.Image.debian_slim("3.12")
    with pytest.raises(AttributeError, match="can't be changed"):
        image._base = "x"


def test_both_forms_of_a_call_give_the_same_also_inside_a_running_loop() -> None:
    class Thing:
        @twin
        def doubled(self, number: int) -> int:
            return number * 2

    async def inside() -> tuple[int, int]:
        return Thing().doubled(1), await Thing().doubled.aio(2)

    assert asyncio.run(inside()) == (2, 4)


@modal.sessioned()
class Rooms:
    @modal.enter()
    def start(self) -> None: ...


def test_a_sessioned_class_makes_a_sessioned_server() -> None:
    made = modal.App("rooms").server(unauthenticated=True)(Rooms)
    assert made._options is not None
    assert made._options.spec.sessioned
    with pytest.raises(InvalidError, match="1000 sessions per container"):
        modal.App("rooms").server(max_concurrency=1001)(Rooms)
    with pytest.raises(InvalidError, match="lower `target_concurrency`"):
        modal.App("rooms").server(target_concurrency=1000.5)(Rooms)


def test_sessioned_where_it_does_not_belong_is_refused() -> None:
    with pytest.raises(InvalidError, match="beneath"):
        modal.sessioned()(modal.Server.from_name("a", "b"))  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(InvalidError, match="parentheses"):
        modal.sessioned(type)
