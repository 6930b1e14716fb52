"""What `App(...)` and `@app.server(...)` were told, checked where it was written. Never imported inside containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import InvalidError
from ..manifest import names
from ..manifest.checks import setting_problems
from ..manifest.schema import Entry, Resources, ScalePolicy, ServerSpec
from . import markers, readers
from .image import Image
from .needs import Resolver
from .secret import Secret, refs
from .volume import Volume

_NOT_YET = Entry(module="", qualname="")  # `collect` finds the entry, when it is known how the file was loaded


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """A Server's settings. `spec` lacks its entry, what `resolved` adds, and before `named_after` perhaps its name."""

    spec: ServerSpec
    include_source: bool
    image: Image
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[tuple[str, Volume], ...] = ()  # sorted by path
    without_class: bool = False  # it runs a command, or what its image is made to run

    @classmethod
    def of(cls, settings: Mapping[str, object], app: Mapping[str, object]) -> ServerOptions:
        """From the arguments of `@app.server(...)` and the App's own. Raises InvalidError for what is not legal."""
        name = settings["name"]
        spec = ServerSpec(
            name="" if name is None else readers.text("name", name),
            entry=_NOT_YET,
            resources=_resources(settings),
            scale=_scale(settings),
            port=_port(settings["port"]),
            startup_timeout_ms=readers.scaled("startup_timeout", settings["startup_timeout"], 1000),
            exit_grace_period_ms=readers.scaled("exit_grace_period", settings["exit_grace_period"], 1000),
            unauthenticated=readers.flag("unauthenticated", settings["unauthenticated"]),
            h2_enabled=readers.flag("h2_enabled", settings["h2_enabled"]),
            routing_region=readers.text("routing_region", settings["routing_region"] or ""),
            compute_region=readers.texts("compute_region", settings["compute_region"]),
            cloud=None if settings["cloud"] is None else readers.text("cloud", settings["cloud"]),
            nonpreemptible=readers.flag("nonpreemptible", settings["nonpreemptible"]),
            proxy=readers.proxy(settings["proxy"]),
            i6pn=settings["i6pn"] is not None and readers.flag("i6pn", settings["i6pn"]),
            serialized=readers.flag("serialized", settings["serialized"]),
            enable_memory_snapshot=readers.flag("enable_memory_snapshot", settings["enable_memory_snapshot"]),
            env=readers.environment(settings["env"]),
            experimental_options=readers.experimental_options(settings["experimental_options"]),
        )
        problems = [*_name_problems(spec.name), *setting_problems(spec)]
        if problems:
            raise InvalidError(problems[0])
        return cls(
            spec,
            _include_source(settings["include_source"], app["include_source"]),
            _image(settings["image"] if settings["image"] is not None else app["image"]),
            readers.secrets(app["secrets"], settings["secrets"] or ()),
            tuple(sorted(readers.volumes(app["volumes"], settings["volumes"]).items(), key=lambda item: item[0])),
        )

    def resolved(self, resolver: Resolver) -> ServerSpec:
        """With everything that only the platform, or a look at this machine's files, can tell. Raises what that raises."""
        return replace(
            self.spec,
            image=self.image._recipe(resolver),
            mounts=self.image._mounts(resolver),
            secrets=refs(self.secrets, resolver),
            volumes=tuple(volume._mount(path, resolver) for path, volume in self.volumes),
        )

    def marked_as(self, user_cls: type) -> ServerOptions:
        """With what decorators said on the class. Raises InvalidError for what does not go together."""
        return self.with_sessions() if markers.is_sessioned(user_cls) else self

    def with_sessions(self) -> ServerOptions:
        """Of a Server whose requests belong to sessions. Raises InvalidError for what does not go with that."""
        spec = replace(self.spec, sessioned=True)
        if problems := setting_problems(spec):
            raise InvalidError(problems[0])
        return replace(self, spec=spec)

    def named_after(self, user_cls: type) -> ServerOptions:
        """With the class's name, where none was given. Raises InvalidError if that is not a legal one."""
        if self.spec.name:
            return self
        problems = _name_problems(user_cls.__name__)
        if problems:
            raise InvalidError(f"{problems[0]} Give it another one: @app.server(name=...).")
        return replace(self, spec=replace(self.spec, name=user_cls.__name__))


def check_app(name: object, tags: Mapping[str, str], defaults: Mapping[str, object]) -> None:
    """What `App(...)` was told. Raises InvalidError for what is not legal."""
    if name is not None:
        problem = names.app_name_problem(readers.text("name", name))
        if problem:
            raise InvalidError(problem)
    check_tags(tags)
    _image(defaults["image"])
    readers.secrets(defaults["secrets"])
    readers.volumes(defaults["volumes"])
    _include_source(None, defaults["include_source"])


def check_tags(tags: Mapping[str, str]) -> None:
    """Raises InvalidError for a key or value that is not legal (semantics 1.10.1)."""
    for key, value in tags.items():
        problem = names.app_tag_problem(readers.text("tags", key), readers.text(f"tags[{key!r}]", value))
        if problem:
            raise InvalidError(problem)


def _name_problems(name: str) -> list[str]:
    problem = names.object_name_problem("Server", name) if name else None
    return [problem] if problem else []


def _image(image: object) -> Image:
    if image is None:
        return Image.debian_slim()
    if not isinstance(image, Image):
        raise InvalidError(f"`image` must be an Image, as in Image.debian_slim(), not {image!r}.")
    return image


def _port(port: object) -> int:
    if not isinstance(port, int) or isinstance(port, bool):
        raise InvalidError("Port must be a positive integer between 1 and 65535.")
    return port


def _resources(settings: Mapping[str, object]) -> Resources:
    plain = Resources()
    cpu = readers.request_and_limit("cpu", settings["cpu"], 1000, plain.cpu_milli)
    memory = readers.request_and_limit("memory", settings["memory"], 1, plain.memory_mib)
    return Resources(
        cpu_milli=cpu[0],
        memory_mib=memory[0],
        cpu_limit_milli=cpu[1],
        memory_limit_mib=memory[1],
        gpu=tuple(gpu.upper() for gpu in readers.texts("gpu", settings["gpu"])),
        ephemeral_disk_mib=readers.whole_or_none("ephemeral_disk", settings["ephemeral_disk"]),
    )


def _scale(settings: Mapping[str, object]) -> ScalePolicy:
    return ScalePolicy(
        target_concurrency_centi=readers.target_concurrency_centi(settings["target_concurrency"]),
        max_concurrency=readers.whole_or_none("max_concurrency", settings["max_concurrency"]) or None,  # 0: no limit
        min_containers=readers.whole_or_none("min_containers", settings["min_containers"]),
        max_containers=readers.whole_or_none("max_containers", settings["max_containers"]),
        buffer_containers=readers.whole_or_none("buffer_containers", settings["buffer_containers"]),
        scaleup_window_s=readers.whole_or_none("scaleup_window", settings["scaleup_window"]),
        scaledown_window_s=readers.whole_or_none("scaledown_window", settings["scaledown_window"]),
    )


def _include_source(server: object, app: object) -> bool:
    said = server if server is not None else app
    return True if said is None else readers.flag("include_source", said)
