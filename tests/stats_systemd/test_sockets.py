"""Sockets from systemd, as a process finds them: in its environment and among its open files."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.programs import ROOT

PROGRAM = """
import os
from stats_systemd.sockets import SocketError, sockets_from_systemd
if "LISTEN_PID" not in os.environ:
    os.environ["LISTEN_PID"] = str(os.getpid())
try:
    found = sockets_from_systemd(os.environ, os.getpid(), ("ingest", "web"))
    print({name: listener.getsockname()[1] for name, listener in found.items()})
except SocketError as error:
    print("SocketError:", error)
"""


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def taken_over(*files: socket.socket, names: str, **environment: str) -> str:
    """What a process says that gets `files` as its files 3, 4 and so on."""
    moved = "".join(f" {number}<&{one.fileno()}" for number, one in enumerate(files, 3))
    ran = subprocess.run(
        ["bash", "-c", f'exec "$@"{moved}', "-", sys.executable, "-S", "-c", PROGRAM],
        cwd=ROOT,
        env={"LISTEN_FDS": str(len(files)), "LISTEN_FDNAMES": names, **environment},
        pass_fds=[one.fileno() for one in files],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def test_sockets_are_known_by_their_names_in_whatever_order() -> None:
    with listener() as web, listener() as ingest:
        ports = {"web": web.getsockname()[1], "ingest": ingest.getsockname()[1]}
        assert taken_over(web, ingest, names="web:ingest") == str(ports)


def test_sockets_for_another_process_are_left_alone() -> None:
    with listener() as ingest:
        assert taken_over(ingest, names="ingest", LISTEN_PID=str(os.getpid())) == "{}"


@pytest.mark.parametrize(
    ("make", "names", "reason"),
    [
        (listener, "stats-proxy.socket", "FileDescriptorName of its own, which is ingest or web"),
        (socket.socket, "ingest", "'ingest' that systemd hands over does not listen for TCP"),
        (lambda: socket.socket(socket.AF_UNIX), "web", "'web' that systemd hands over does not"),
    ],
)
def test_what_is_no_socket_of_this_program_is_an_error_that_says_why(
    make: Callable[[], socket.socket], names: str, reason: str
) -> None:
    with make() as wrong:
        said = taken_over(wrong, names=names)
    assert said.startswith("SocketError:")
    assert reason in said


def test_two_sockets_of_one_name_are_an_error() -> None:
    with listener() as one, listener() as other:
        assert "'web'" in taken_over(one, other, names="web:web")


@pytest.mark.parametrize(
    ("count", "reason"),
    [("many", "LISTEN_FDS is 'many'"), ("17", "not a number up to 16"), ("2", "'web': Bad file")],
)
def test_a_wrong_number_of_sockets_is_an_error(count: str, reason: str) -> None:
    with listener() as ingest:
        assert reason in taken_over(ingest, names="ingest:web", LISTEN_FDS=count)
