"""What a program in a container can't reach: other containers, the API, the machine's files and processes."""

from __future__ import annotations

import os

import pytest
from e2e_harness import Box
from e2e_sources import server

CONNECT = """
import socket
def reach(host, port):
    try:
        socket.create_connection((host, port), 2).close()
        return "open"
    except OSError as error:
        return "closed"
"""

# The errno of what a container gets when it would put a socket of its own in the place of the platform's.
WRITE = """
import os
try:
    os.unlink('/run/homeport/platform.sock')
except OSError as error:
    print(error.errno)
"""


@pytest.fixture
def insider(box: Box) -> str:
    """An App whose container the tests look out of."""
    box.deploy("insider", server("insider"))
    return "insider"


def said(box: Box, app: str, program: str) -> list[str]:
    done = box.inside(app, program)
    assert done.code == 0, done
    return done.out.split()


def test_no_way_leads_to_another_container(box: Box, insider: str) -> None:
    box.deploy("neighbour", server("neighbour"))
    mine, other = (box.container(name)["host"] for name in (insider, "neighbour"))
    program = f"{CONNECT}\nprint(reach({mine!r}, 8000), reach({other!r}, 8000))"
    assert said(box, insider, program) == ["open", "closed"]


def test_no_way_leads_to_the_api_or_any_port_of_the_machine(box: Box, insider: str) -> None:
    gateway = "b'.'.join(str(b).encode() for b in bytes.fromhex(row[2])[::-1]).decode()"
    program = (
        f"{CONNECT}\n"
        "rows = [line.split() for line in open('/proc/net/route')][1:]\n"
        f"(gateway,) = [{gateway} for row in rows if row[1] == '00000000']\n"
        f"for host in ('127.0.0.1', gateway): print(reach(host, {box.api_port}))"
    )
    assert said(box, insider, program) == ["closed", "closed"]


def test_no_file_of_the_machine_is_seen(box: Box, insider: str) -> None:
    box.write("secret.txt", "only for the machine")
    paths = [str(box.root / "secret.txt"), str(box.data_dir), str(box.data_dir / "keys")]
    assert said(box, insider, f"import os\nfor path in {paths!r}: print(os.path.exists(path))") == ["False"] * 3
    assert "homeport" not in said(box, insider, "import os; print(*os.listdir('/var/lib'))")
    assert said(box, insider, "import os; print(*os.listdir('/run'), *os.listdir('/run/homeport'))") == [
        "homeport",
        "platform.sock",
    ]
    assert said(box, insider, WRITE) == ["30"]  # EROFS


def test_only_its_own_processes_are_seen(box: Box, insider: str) -> None:
    listing = (
        "import os\nfor pid in filter(str.isdigit, os.listdir('/proc')): print(open(f'/proc/{pid}/cmdline').read()[:1])"
    )
    assert len(said(box, insider, listing)) <= 5
    assert said(box, insider, f"import os; print(os.path.exists('/proc/{os.getpid()}/fd/0'))") == ["False"]


def test_the_source_can_be_read_but_not_changed(box: Box, insider: str) -> None:
    program = (
        "for path in ('/root/insider.py', '/opt/homeport/lib/homeport/__init__.py'):\n"
        "    assert open(path).read()\n"
        "    try:\n        open(path, 'a')\n"
        "    except OSError as error:\n        print(error.errno)\n"
        "open('/root/new', 'w').write('x'); print('written')"
    )
    assert said(box, insider, program) == ["30", "30", "written"]


@pytest.mark.parametrize(
    "program",
    [
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.mount(b'none', b'/mnt', b'tmpfs', 0, None), libc.unshare(0x10000000))",
        "import ctypes; libc = ctypes.CDLL(None)\nprint(libc.sethostname(b'x', 1), libc.syscall(169, 0xfee1dead, 0, 0, 0))",
    ],
    ids=["mount and new user namespace", "hostname and reboot"],
)
def test_what_only_the_machines_root_may_do_is_refused(box: Box, insider: str, program: str) -> None:
    assert said(box, insider, program) == ["-1", "-1"]


def test_the_environment_holds_nothing_of_the_machines(box: Box, insider: str) -> None:
    # what the kernel shows of the first process is empty where that was forked
    first = said(box, insider, "print(*open('/proc/1/environ').read().replace(chr(0), chr(10)).split())")
    names = [*first, *said(box, insider, "import os; print(*map('='.join, os.environ.items()))")]
    assert not [name for name in names if str(box.data_dir) in name]
    # its own, which says who it is and is good for nothing else
    tokens = {name.partition("=")[0] for name in names if "TOKEN" in name}
    assert tokens == {"MODAL_IDENTITY_TOKEN", "HOMEPORT_IDENTITY_TOKEN"}
