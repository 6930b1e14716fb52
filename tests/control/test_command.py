"""What the first process of a container is, and what it is told."""

from __future__ import annotations

import pytest

from homeport.control.prepare import COMMAND, command, environment
from homeport.core.actions import StartContainer
from homeport.errors import InvalidError
from homeport.manifest.schema import Entry, ServerSpec
from homeport.ports import Image
from homeport.settings import Settings

CLASS = ServerSpec("Server", Entry("hello", "Server", "hello.py"))
PLAIN = ServerSpec("Server", Entry("", ""))
IMAGE = Image("im-1", (), entrypoint=("/entry",), command=("serve", "80"), env=(("PATH", "/opt/bin"), ("A", "image")))
START = StartContainer("ta-1", "ap-1", "main", "fu-1", "Server", 1, "digest")


def test_a_class_is_run_by_the_guest_whatever_the_image_says() -> None:
    assert command(CLASS, IMAGE) == COMMAND


def test_without_a_class_it_is_the_image_or_the_command_of_the_server() -> None:
    assert command(PLAIN, IMAGE) == ("/entry", "serve", "80")
    assert command(ServerSpec("Server", Entry("", ""), command=("other",)), IMAGE) == ("other",)
    with pytest.raises(InvalidError, match="has no command of its own; deploy it with --cmd"):
        command(PLAIN, Image("im-1", ()))


def test_the_guest_is_only_told_of_where_it_runs() -> None:
    told = dict(environment(Settings(), START, PLAIN, IMAGE))
    assert not [name for name in told if name.startswith("HOMEPORT_GUEST")]
    assert (told["PATH"], told["A"], told["MODAL_TASK_ID"]) == ("/opt/bin", "image", "ta-1")
    assert dict(environment(Settings(), START, CLASS, IMAGE))["HOMEPORT_GUEST_CLASS"] == "Server"
