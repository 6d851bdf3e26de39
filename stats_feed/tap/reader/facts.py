"""This module holds the facts that a dialogue between a miner and its pool tells.

Workers are named as they name themselves in mining.authorize and mining.submit, cut to
`MAX_WORKER_CHARACTERS`. Times are in unix seconds. A password is never a part of a fact.
"""

from dataclasses import dataclass
from enum import Enum

from stats_gateway.sender import RejectReason


class Direction(Enum):
    """Which way bytes go; the value is its name in the tap's metrics."""

    TO_POOL = "to_pool"
    TO_MINER = "to_miner"


class Unreadable(Enum):
    """Why something could not be read; the value is its name in the tap's metrics."""

    TOO_LONG = "too_long"
    """A line above the bound, which is skipped up to its newline."""
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    """JSON, but no object: `[1, 2]`."""
    MALFORMED = "malformed"
    """A message whose method is known and whose parameters are not what they should be."""
    HTTP = "http"
    """The direction began with a line of HTTP; nothing more of it is read."""
    BINARY = "binary"
    """The direction began with bytes that are no text, as TLS and Stratum V2 do; the same."""
    UNEXPECTED = "unexpected"
    """An error of this program, which the bytes have passed nevertheless."""


@dataclass(frozen=True, slots=True)
class AgentNamed:
    """The miner said what it is: `cgminer/4.11.1`."""

    agent: str


@dataclass(frozen=True, slots=True)
class Authorized:
    """The pool accepted a worker."""

    worker: str


@dataclass(frozen=True, slots=True)
class DifficultySet:
    """The jobs that the pool announces from here on ask for this difficulty."""

    difficulty: float


@dataclass(frozen=True, slots=True)
class ShareAccepted:
    """The pool accepted a share of a job that was announced with `difficulty`."""

    worker: str | None
    """None where the submit names no worker."""
    difficulty: float
    at: float


@dataclass(frozen=True, slots=True)
class ShareRejected:
    """The pool refused a share of a job that was announced with `difficulty`."""

    worker: str | None
    reason: RejectReason
    difficulty: float
    at: float


@dataclass(frozen=True, slots=True)
class ShareUnanswered:
    """The pool did not answer in time, so that the share counts neither way."""

    worker: str | None


@dataclass(frozen=True, slots=True)
class Redirected:
    """The pool told the miner to connect elsewhere; None stands for the same host and port."""

    host: str | None


@dataclass(frozen=True, slots=True)
class Unread:
    """A line, or all that follows in its direction, could not be read."""

    direction: Direction
    reason: Unreadable


Fact = (
    AgentNamed
    | Authorized
    | DifficultySet
    | ShareAccepted
    | ShareRejected
    | ShareUnanswered
    | Redirected
    | Unread
)
