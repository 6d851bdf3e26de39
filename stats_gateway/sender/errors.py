"""What can go wrong between a sender and its gateway.

SenderError
├── EncodeError           a snapshot that cannot be put on the wire
├── AnswerError           bytes from the gateway that are no answer
├── GatewayRefusedError   the gateway answered `Error`
└── GatewayClosedError    the gateway closed the connection
"""


class SenderError(Exception):
    """The root of this package's errors."""


class EncodeError(SenderError):
    """A message holds what MessagePack cannot say, or is larger than a frame may be."""


class AnswerError(SenderError):
    """The peer does not speak this protocol."""


class GatewayRefusedError(SenderError):
    """The gateway refused the `Hello`, for example because of its token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the gateway refused this sender: {self.reason!r}"


class GatewayClosedError(SenderError):
    """The gateway closed the connection."""

    def __str__(self) -> str:
        return "the gateway closed the connection"
