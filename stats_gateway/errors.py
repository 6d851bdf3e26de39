"""Everything that can go wrong between a peer's bytes and the store.

GatewayError
├── MessageRefused    one message is dropped whole; the connection stays
└── ConnectionRefused the connection is closed
"""

from collections import Counter
from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused: the values of the `reason` label, a closed set."""

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
    """Why a connection was turned away or closed: the values of its `reason` label."""

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
    """Why one value of a good message is absent: `stats_gateway_values_dropped_total{reason}`."""

    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    NAME_CUT = "name_cut"


Dropped = Counter[DroppedValue]
"""How many values each was the reason for."""


class GatewayError(Exception):
    """The root of this package's errors."""


class MessageRefused(GatewayError):
    """One message is refused whole: nothing it says is believed.

    `reason` is the counted class, `detail` what an operator needs to find the sender's mistake.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class ConnectionRefused(GatewayError):
    """The connection cannot go on and is closed."""

    def __init__(self, reason: ConnectionReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
