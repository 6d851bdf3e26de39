"""All errors that can occur between the bytes of a peer and the store.

GatewayError
├── MessageRefused    one message is dropped whole; the connection stays
└── ConnectionRefused the connection is closed
"""

from collections import Counter
from enum import StrEnum


class Reason(StrEnum):
    """Why a message was refused: the values of `stats_gateway_messages_refused_total{reason}`."""

    MALFORMED = "malformed"
    UNKNOWN_MESSAGE = "unknown_message"
    DUPLICATE_DOWNSTREAM = "duplicate_downstream"
    TOO_MANY_ROWS = "too_many_rows"
    LINE_TOO_LONG = "line_too_long"
    FRAME_TOO_LARGE = "frame_too_large"
    WRONG_SERVICE = "wrong_service"
    BAD_HELLO = "bad_hello"
    TOO_MANY_SOURCES = "too_many_sources"


class ConnectionReason(StrEnum):
    """Why a connection was closed: values of `stats_gateway_connections_refused_total{reason}`."""

    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_REFUSALS = "too_many_refusals"
    FRAME_TOO_LARGE = "frame_too_large"
    SLOW_FRAME = "slow_frame"
    SILENT = "silent"
    BAD_HELLO = "bad_hello"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a label value, not a secret
    WRONG_CERTIFICATE = "wrong_certificate"
    NOT_READING = "not_reading"
    BUFFERS_FULL = "buffers_full"
    NETWORK_NOT_ALLOWED = "network_not_allowed"
    TLS_HANDSHAKE = "tls_handshake"
    OUT_OF_RESOURCES = "out_of_resources"
    INTERNAL_ERROR = "internal_error"


class DroppedValue(StrEnum):
    """Why a value was left out: the values of `stats_gateway_values_dropped_total{reason}`."""

    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    NAME_CUT = "name_cut"


Dropped = Counter[DroppedValue]
"""The number of values that were left out for each reason."""


class GatewayError(Exception):
    """The root of this package's errors."""


class MessageRefused(GatewayError):
    """One message is refused whole, and nothing of it reaches the store.

    `reason` is counted; `detail` helps an operator to find the sender's mistake.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class ConnectionRefused(GatewayError):
    """The connection cannot go on and is closed; `reason` and `detail` as in `MessageRefused`."""

    def __init__(self, reason: ConnectionReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
