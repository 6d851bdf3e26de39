"""`python -m tests.security.crowd KIND PORT COUNT`: peers that send without end, until killed."""

import argparse
import contextlib
import itertools
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.programs import ROOT
from tests.support.snapshots import frame, line, miner, miner_snapshot

LOOPBACK = "127.0.0.1"
ALL_THERE = "all there"

SENT: dict[str, bytes] = {
    "blank lines": b"\n" * 65536,
    "retired events": line({"ShareSubmitted": {}}) * 2000,
    "small snapshots": line(miner_snapshot(miner(1))) * 500,
    "snapshots for the worker": frame(miner_snapshot(*map(miner, range(400)))) * 3,
    "nothing, again and again": b"",
}
"""What each kind of crowd sends over each of its connections."""


def flood(kind: str, port: int, count: int) -> None:
    """Send until killed; connections that are closed are opened again."""
    selector = selectors.DefaultSelector()
    for opened in itertools.count():
        if len(selector.get_map()) < count:
            _open(selector, port)
        if opened == count:
            say_all_there()
        if opened >= count or opened % 16 == 0:
            for key, _ in selector.select(0.01):
                _send(selector, key, SENT[kind])


def _open(selector: selectors.BaseSelector, port: int) -> None:
    with contextlib.suppress(OSError):
        peer = socket.create_connection((LOOPBACK, port), timeout=30)
        peer.setblocking(False)
        selector.register(peer, selectors.EVENT_WRITE, b"")


def _send(selector: selectors.BaseSelector, key: selectors.SelectorKey, sent: bytes) -> None:
    peer, rest = key.fileobj, key.data or sent
    assert isinstance(peer, socket.socket)
    try:
        if not sent:
            raise ConnectionError
        taken = peer.send(rest)
        selector.modify(peer, selectors.EVENT_WRITE, rest[taken:])
    except BlockingIOError:
        pass
    except OSError:
        selector.unregister(peer)
        peer.close()


def say_all_there() -> None:
    """Tell `crowd_of` that the whole crowd is connected."""
    print(ALL_THERE, flush=True)  # noqa: T201 - the crowd's only way to tell


@contextmanager
def crowd(kind: str, port: int, count: int) -> Iterator[None]:
    """A crowd that sends `SENT[kind]` without end."""
    with crowd_of("tests.security.crowd", kind, str(port), str(count)):
        yield


@contextmanager
def crowd_of(module: str, *arguments: str) -> Iterator[None]:
    """A crowd in a process of its own, which runs `module`, from when all of the crowd is there."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == ALL_THERE
            yield
            assert process.poll() is None, "the crowd has gone"
        finally:
            process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=SENT)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    flood(**vars(parser.parse_args()))
