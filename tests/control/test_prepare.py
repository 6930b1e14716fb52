"""What a container is told of its image."""

from __future__ import annotations

import pytest

from homeport.control.prepare import working_directory
from homeport.ports import Image


@pytest.mark.parametrize(("said", "begins"), [("/srv/app", "/srv/app"), ("", "/root"), ("/", "/root")])
def test_containers_begin_where_their_image_says(said: str, begins: str) -> None:
    assert working_directory(Image("im", (), workdir=said)) == begins
