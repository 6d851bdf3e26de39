"""What a program tells systemd, read from a real datagram socket."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stats_systemd import notify
from stats_systemd.notify import Notifier

PID = 17


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd hears from its programs."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        yield listener


def notifier(systemd: socket.socket, **environment: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": systemd.getsockname(), **environment}, PID)


def heard(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


def test_each_state_is_one_datagram(systemd: socket.socket) -> None:
    program = notifier(systemd)
    program.ready()
    program.alive()
    program.stopping()
    assert [heard(systemd) for _ in range(3)] == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_reload_begins_with_its_time_and_ends_ready(systemd: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    with pytest.raises(ValueError, match="wrong file"), notifier(systemd).reloading():
        raise ValueError("wrong file")
    began = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", heard(systemd))
    assert began is not None
    assert before <= int(began[1]) <= time.monotonic_ns() // 1000
    assert heard(systemd) == "READY=1"


def test_a_socket_without_a_file_is_found_by_its_name() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind("")  # the kernel chooses a name that begins with a NUL
        listener.settimeout(30)
        name = listener.getsockname().decode()
        Notifier({"NOTIFY_SOCKET": name.replace("\0", "@")}, PID).ready()
        assert heard(listener) == "READY=1"


@pytest.mark.parametrize(
    "path", ["", "/nonexistent/notify", "@nobody-listens-here", "x" * 200, "a\0b"]
)
def test_where_nobody_listens_a_program_goes_on(path: str) -> None:
    Notifier({"NOTIFY_SOCKET": path}, PID).ready()


def test_a_systemd_that_reads_nothing_holds_a_program_for_a_bounded_time(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "SEND_SECONDS", 0.01)
    program = notifier(systemd)
    queued = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for _ in range(queued + 3):
        program.alive()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_signs_of_life_come_twice_in_the_time_that_systemd_waits_for_this_process(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(environment, PID).seconds_between_signs == seconds


def test_a_program_of_threads_gives_signs_of_life_between_ready_and_stopping(
    systemd: socket.socket,
) -> None:
    with notifier(systemd, WATCHDOG_USEC="2000").running():
        assert heard(systemd) == "READY=1"
        assert [heard(systemd) for _ in range(3)] == ["WATCHDOG=1"] * 3
    while (last := heard(systemd)) == "WATCHDOG=1":
        pass
    assert last == "STOPPING=1"


def test_a_program_that_nobody_watches_gives_no_signs_of_life(systemd: socket.socket) -> None:
    threads = threading.active_count()
    with notifier(systemd).running():
        assert threading.active_count() == threads
    assert [heard(systemd), heard(systemd)] == ["READY=1", "STOPPING=1"]
