"""A handle keeps the connection to one gateway, with a thread of its own."""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Self

from stats_gateway.sender.backoff import MAX_DELAY, backoff
from stats_gateway.sender.errors import EncodeError
from stats_gateway.sender.session import Gateway, Session, Timeouts
from stats_gateway.sender.snapshots import Snapshot
from stats_gateway.sender.wire import Hello, Outgoing

logger = logging.getLogger(__name__)

# What is older than this many intervals is not sent any more: the gateway judges freshness by
# arrival, and would show it as the present.
KEEP_INTERVALS = 3

# Reasons already logged that are remembered until the gateway welcomes us: enough for every real
# one, and a bound for a gateway that invents them.
MAX_REASONS = 32
MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleStatistics:
    """What a handle has done so far."""

    sent: int = 0
    """Snapshots written whole; one that is sent again counts again."""
    replaced: int = 0
    """Snapshots that a newer one replaced before they were sent."""
    expired: int = 0
    """Snapshots dropped because the gateway came back too late for them."""
    failures: int = 0
    """Attempts to connect that failed, connections that broke, snapshots not encodable."""
    reconnects: int = 0
    """Welcomes after the first."""
    bytes_sent: int = 0
    """Bytes of the snapshots sent, their length prefixes included."""
    connected: bool = False
    last_error: str | None = None


class StatsHandle:
    """Sends the newest snapshot to a gateway, for ever, and never blocks its caller.

    Keeps no queue: one snapshot, the newest. After a reconnect it is sent again, whole, because
    nobody knows whether it arrived; the gateway replaces, so twice is as good as once.

    `source` names this sender, `interval` is the seconds between its snapshots, `token` is what
    the gateway asks for (over anything but loopback only with `tls`), `version` is the sender's
    own. The thread starts at once and is a daemon.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        source: str,
        interval: float = 10.0,
        token: str | None = None,
        version: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeouts: Timeouts | None = None,
        delays: Callable[[], Iterator[float]] = lambda: backoff(SystemRandom()),
    ) -> None:
        host, port = address
        self.interval = interval
        self._gateway = Gateway(host=host, port=port, tls=tls, timeouts=timeouts or Timeouts())
        self._hello = Hello(source=source, interval=interval, token=token, version=version)
        self._delays = delays
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_writer.settimeout(0)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._newest: Outgoing | None = None
        self._newest_since = 0.0
        self._unsent = False
        self._session: Session | None = None
        self._welcomed_before = False
        self._statistics = HandleStatistics()
        self._logged: set[str] = set()
        self._thread = threading.Thread(
            target=self._run, name=f"stats-handle-{source}", daemon=True
        )
        self._thread.start()

    def send(self, snapshot: Snapshot | Outgoing) -> None:
        """Store `snapshot` as the newest and return at once. It must not be changed afterwards.

        One `Outgoing` given to several handles is encoded once.
        """
        outgoing = snapshot if isinstance(snapshot, Outgoing) else Outgoing(snapshot)
        with self._lock:
            counts = self._statistics
            if self._unsent:
                self._statistics = replace(counts, replaced=counts.replaced + 1)
            self._newest = outgoing
            self._newest_since = time.monotonic()
            wake = not self._unsent
            self._unsent = True
        if wake:
            self._wake()

    def statistics(self) -> HandleStatistics:
        """Return what this handle has done so far."""
        with self._lock:
            return self._statistics

    def close(self, timeout: float = 2.0) -> None:
        """Let the newest snapshot go out if it can within `timeout` seconds; then disconnect.

        Idempotent. A thread that is inside a connect ends by itself when that times out.
        """
        self._closing.set()
        self._wake()
        self._thread.join(timeout)
        with self._lock:
            session = self._session
        if session is not None:
            session.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake(self) -> None:
        # Full means woken already; closed means that the thread has ended.
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"\0")

    def _run(self) -> None:
        delays = self._delays()
        while True:
            started = time.monotonic()
            try:
                self._converse()
            except Exception as error:  # noqa: BLE001 - a dead thread would be a silent one
                self._failed(error)
            # A connection that breaks at once, each time, must not reset the backoff: two senders
            # with one source would close each other's connections without a pause.
            if time.monotonic() - started >= MAX_DELAY:
                delays = self._delays()
            if self._closing.wait(next(delays)):
                break
        self._wake_reader.close()
        self._wake_writer.close()

    def _converse(self) -> None:
        with Session.open(self._gateway, self._hello, self._wake_reader) as session:
            self._begin(session)
            try:
                while True:
                    snapshot = self._take()
                    if snapshot is not None:
                        self._deliver(session, snapshot)
                    elif self._closing.is_set():
                        return
                    else:
                        session.wait(None)
            finally:
                self._end()

    def _begin(self, session: Session) -> None:
        logger.info("sending to the stats gateway at %s:%d", self._gateway.host, self._gateway.port)
        with self._lock:
            self._session = session
            # Whether the last snapshot arrived is not known: it goes out again.
            self._unsent = self._newest is not None
            counts = self._statistics
            again = counts.reconnects + 1 if self._welcomed_before else 0
            self._statistics = replace(counts, connected=True, reconnects=again)
        self._welcomed_before = True
        self._logged.clear()

    def _end(self) -> None:
        with self._lock:
            self._session = None
            self._statistics = replace(self._statistics, connected=False)

    def _take(self) -> Outgoing | None:
        with self._lock:
            if not self._unsent:
                return None
            self._unsent = False
            if time.monotonic() - self._newest_since > KEEP_INTERVALS * self.interval:
                self._newest = None
                counts = self._statistics
                self._statistics = replace(counts, expired=counts.expired + 1)
            return self._newest

    def _deliver(self, session: Session, snapshot: Outgoing) -> None:
        try:
            frame = snapshot.frame()
        except EncodeError as error:
            self._failed(error)
            return
        session.wait(0)
        session.send(frame)
        with self._lock:
            counts = self._statistics
            self._statistics = replace(
                counts, sent=counts.sent + 1, bytes_sent=counts.bytes_sent + len(frame)
            )

    def _failed(self, error: Exception) -> None:
        reason = (str(error) or type(error).__name__)[:MAX_REASON_CHARACTERS]
        with self._lock:
            counts = self._statistics
            self._statistics = replace(counts, failures=counts.failures + 1, last_error=reason)
        if reason in self._logged:
            return
        if len(self._logged) >= MAX_REASONS:
            self._logged.clear()
        self._logged.add(reason)
        logger.warning(
            "stats gateway at %s:%d: %s; retrying, logged once",
            self._gateway.host,
            self._gateway.port,
            reason,
        )
