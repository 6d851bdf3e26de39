"""Lines of Stratum V1 as miners and pools write them, and a dialogue of them that is read."""

import json
from collections.abc import Sequence

from stats_feed.tap.reader.dialogue import Dialogue, Rooms
from stats_feed.tap.reader.facts import Direction, Fact, ShareAccepted, ShareRejected

POOL, MINER = Direction.TO_POOL, Direction.TO_MINER
"""Whom a line is for."""

NOW = 1_730_488_920.0

Line = tuple[Direction, bytes]


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def ask(method: str, *params: object, id_: object = 1) -> Line:
    return POOL, line(id=id_, method=method, params=list(params))


def tell(method: str, *params: object, id_: object = None) -> Line:
    return MINER, line(id=id_, method=method, params=list(params))


def answer(id_: object, result: object, error: object = None, **more: object) -> Line:
    return MINER, line(id=id_, result=result, error=error, **more)


def submit(id_: object, job: object = "1f", worker: object = "farm.w1") -> Line:
    return ask("mining.submit", worker, job, "00000000", "6530d1b7", "0000abcd", id_=id_)


def notify(job: object, *, clean: bool = False) -> Line:
    return tell("mining.notify", job, "00" * 32, "", "", [], "20000000", "1703", "6530", clean)


def difficulty(value: object) -> Line:
    return tell("mining.set_difficulty", value)


def read(*lines: Line, now: float = NOW) -> list[Fact]:
    dialogue = Dialogue(Rooms())
    return [fact for to, data in lines for fact in dialogue.feed(to, data, now)]


def accepted(facts: Sequence[Fact]) -> list[float]:
    return [fact.difficulty for fact in facts if isinstance(fact, ShareAccepted)]


def rejected(facts: Sequence[Fact]) -> list[str]:
    return [fact.reason.value for fact in facts if isinstance(fact, ShareRejected)]
