"""This module holds what the conversion of one slice hands on to the next slice."""

from dataclasses import dataclass, field

from stats_history.converting.quotes import Quotes
from stats_history.converting.sessions import Session


@dataclass(slots=True)
class Carry:
    """Sessions and quotes by downstream_id; the quotes of a proxy are all under -1."""

    sessions: dict[int, Session] = field(default_factory=dict)
    quotes: dict[int, Quotes] = field(default_factory=dict)
