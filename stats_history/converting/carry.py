"""What the conversion of one slice hands on to the next."""

from dataclasses import dataclass, field

from stats_history.converting.quotes import Quotes
from stats_history.converting.sessions import Session


@dataclass(slots=True)
class Carry:
    """What one slice hands on to the next, by downstream_id (quotes of a proxy: all under 0)."""

    sessions: dict[int, Session] = field(default_factory=dict)
    quotes: dict[int, Quotes] = field(default_factory=dict)
