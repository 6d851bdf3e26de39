"""This module tells systemd how a program is doing, as sd_notify(3) describes.

A message is one datagram of lines, such as `READY=1`, to the socket that NOTIFY_SOCKET names. A
program that systemd did not start has no such variable, and then nothing is sent.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

log = logging.getLogger(__name__)

SEND_SECONDS = 1.0
"""Longest time that a message may wait for systemd: a program goes on without the answer."""

SIGNS_IN_TIMEOUT = 2
"""Signs of life in the time after which systemd takes a silent program for stuck, as it advises."""


class Notifier:
    """Sends the state of this process to systemd; never raises."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        """`environment` is what systemd gave to the process, and `pid` is the process's number."""
        path = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ has no file: the kernel wants a NUL in place of the @.
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self.seconds_between_signs = _seconds_between_signs(environment, pid)
        """How often to call `alive`; None where systemd does not watch this process."""

    def ready(self) -> None:
        """The program listens, or has read its files again."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The program has been told to stop."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The program is not stuck."""
        self._send("WATCHDOG=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The program reads its files again, from here to the end of the block."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.ready()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ready at the beginning of the block and stopping at its end, with signs of life between.

        The signs come from a thread: they show that the interpreter runs, and nothing more.
        """
        ended = threading.Event()
        self.ready()
        if self.seconds_between_signs is not None:
            arguments = (ended, self.seconds_between_signs)
            threading.Thread(
                target=self._give_signs, args=arguments, name="watchdog", daemon=True
            ).start()
        try:
            yield
        finally:
            ended.set()
            self.stopping()

    def _give_signs(self, ended: threading.Event, seconds: float) -> None:
        while not ended.wait(seconds):
            self.alive()

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.connect(self._address)
                sender.sendall("\n".join(lines).encode())
        except (OSError, ValueError) as error:
            log.debug("systemd was not told %s: %s", lines[0], error)


def _seconds_between_signs(environment: Mapping[str, str], pid: int) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC", "")
    is_ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    if not is_ours or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6 / SIGNS_IN_TIMEOUT
