"""Counts and logs the HTTP clients that were refused something, by reason."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from stats_gateway.clock import Now, read_clock
from stats_gateway.server.peer_log import PeerLog


class HttpReason(StrEnum):
    """Why a client was refused: values of the `reason` label, beside those for senders."""

    TOO_MANY_CONNECTIONS = "http_too_many_connections"
    TOO_MANY_REQUESTS = "http_too_many_requests"
    SLOW_REQUEST = "http_slow_request"
    SLOW_READER = "http_slow_reader"
    BAD_REQUEST = "http_bad_request"
    TLS_HANDSHAKE = "http_tls_handshake"
    UNAUTHORIZED = "http_unauthorized"
    TOO_MANY_LOGINS = "http_too_many_logins"
    WRONG_HOST = "http_wrong_host"
    RATE_LIMIT = "http_rate_limit"
    INTERNAL_ERROR = "http_internal_error"


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals since the service started."""

    counts: Counter[HttpReason] = field(default_factory=Counter)
    peer_log: PeerLog = field(default_factory=PeerLog)
    clock: Callable[[], Now] = read_clock

    def add(self, reason: HttpReason, client: tuple[str, int], detail: str) -> None:
        """Count and log that `client` was refused."""
        self.counts[reason] += 1
        self.peer_log.add(*client, reason, detail, self.clock().monotonic)
