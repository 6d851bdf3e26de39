"""A tap on a loop of its own thread, and peers on both sides that tests drive."""

import argparse
import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

import pytest

from stats_feed.tap.books.counts import Counts
from stats_feed.tap.loops import loop_factory
from stats_feed.tap.options import TapOptions, add_flags, read_options
from stats_feed.tap.passing.service import Patience, serve
from stats_feed.tap.setting_up import doorway_for, listening
from stats_gateway.sender import MinerSnapshot, MinerTracker
from tests.support.until import until

TIMEOUT = 60.0

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

LOOPS: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop, "installed": loop_factory()}
"""asyncio's own, and uvloop's where it is installed."""

EACH_LOOP = ("installed", pytest.param("asyncio", marks=pytest.mark.slow))
"""What holds on one almost always holds on the other, so the fast tests take one of them."""

Address = tuple[str, int]


def options(*arguments: str) -> TapOptions:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return read_options(parser, parser.parse_args(arguments))


class Peer:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        connection.settimeout(TIMEOUT)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(min(size - len(data), 1 << 20))
            if not more:
                raise EOFError(data)
            data += more
        return data

    def read_to_end(self) -> bytes:
        pieces = []
        while piece := self.socket.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def is_closed(self) -> bool:
        try:
            return not self.socket.recv(1)
        except OSError:
            return True

    def end(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class Pool:
    """What an upstream is: a port that accepts."""

    def __init__(self, *, receive_buffer: int | None = None) -> None:
        self.listener = socket.socket()
        if receive_buffer is not None:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024)
        self.listener.settimeout(TIMEOUT)
        self.address: Address = self.listener.getsockname()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.address[1]}"

    def accept(self) -> Peer:
        return Peer(self.listener.accept()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()


class RunningTap:
    """`stats-feed tap` with the given flags, without a gateway."""

    def __init__(
        self,
        *flags: str,
        loop: LoopFactory = loop_factory(),  # noqa: B008 - a function, made once
        patience: Patience | None = None,
    ) -> None:
        has_listen = any(flag.startswith("--listen") for flag in flags)
        self._options = options(*flags, *([] if has_listen else ["--listen=127.0.0.1:0"]))
        self.tracker = MinerTracker(redact_ip=self._options.redact_ip)
        self.counts = Counts()
        self.addresses: list[Address] = []
        self._loop_factory = loop
        self._patience = patience or Patience(silent=self._options.silent)
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner, ExitStack() as stack:
            opened = [stack.enter_context(listening(self._options, *one)) for one in
                      self._options.listen]  # fmt: skip
            self.addresses = [one.socket.getsockname()[:2] for one in opened]

            async def main() -> None:
                self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
                doorway = doorway_for(self._options, self.tracker, self.counts)
                self._started.set()
                await serve(
                    doorway, opened, self._stop, drain=lambda: self._options.drain,
                    patience=self._patience,
                )  # fmt: skip

            runner.run(main())

    def connect(self, listener: int = 0, *, receive_buffer: int | None = None) -> Peer:
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            connection.connect(self.addresses[listener])
        except OSError:
            connection.close()
            raise
        return Peer(connection)

    def snapshot(self, now: float = 2e9) -> MinerSnapshot:
        return self.tracker.snapshot(now)

    def wait_until(self, condition: Callable[["RunningTap"], bool]) -> None:
        until(lambda: condition(self))

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    def join(self) -> None:
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(TIMEOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.join()
