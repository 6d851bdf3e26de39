"""Rows of workers, and what they hold."""

import pytest

from stats_feed.tap.books import sessions
from stats_feed.tap.books.counts import Counts, Verdict
from stats_feed.tap.books.sessions import MAX_WORKERS, Book
from stats_feed.tap.reader.facts import Direction, Unreadable
from stats_gateway.sender import MinerInfo, MinerTracker
from tests.stats_feed.tap.reader.dialogues import (
    NOW,
    Line,
    answer,
    ask,
    difficulty,
    line,
    notify,
    submit,
    tell,
)


class Tapped:
    """A book and one session of it."""

    def __init__(self, *, redact_names: bool = False, redact_ip: bool = False) -> None:
        self.tracker, self.counts = MinerTracker(redact_ip=redact_ip), Counts()
        self.book = Book(self.tracker, self.counts, redact_names=redact_names)
        self.session = self.book.open("10.0.0.7:51234", NOW)

    def hear(self, *lines: Line, at: float = NOW) -> "Tapped":
        for to, data in lines:
            self.session.read(to, data, at)
        return self

    def rows(self, now: float = NOW + 60) -> list[MinerInfo]:
        return self.tracker.snapshot(now)["miners"]

    def names(self) -> list[str]:
        return [row["name"] for row in self.rows()]


def authorized(worker: str, id_: object = 2) -> tuple[Line, Line]:
    return ask("mining.authorize", worker, "hunter2", id_=id_), answer(id_, True)


def test_every_field_of_a_row_is_known() -> None:
    tapped = Tapped().hear(
        ask("mining.subscribe", "cgminer/4.11.1", id_=1),
        answer(1, [[], "08", 4]),
        difficulty(1024),
        *authorized("farm.w1"),
        notify("1f"),
        submit(3),
        submit(4),
        submit(5),
        answer(3, True),
        answer(4, None, [21, "Job not found", None]),
        difficulty(2048),
        answer(5, True),
        at=NOW + 30,
    )
    assert tapped.rows(NOW + 60) == [{
        "downstream_id": 1, "name": "farm.w1", "address": "10.0.0.7:51234", "work": 2048.0,
        "hashrate": 2048 * 2**32 / 60, "shares_submitted": 2, "shares_rejected": 1,
        "shares_rejected_by": {"stale": 1}, "connected_at": int(NOW), "difficulty": 2048.0,
        "last_share_at": int(NOW) + 30, "agent": "cgminer/4.11.1",
    }]  # fmt: skip


def test_there_is_no_row_before_the_pool_has_accepted_a_worker() -> None:
    tapped = Tapped().hear(ask("mining.subscribe", "x"), ask("mining.authorize", "a", "p", id_=2))
    assert tapped.rows() == []
    assert tapped.hear(answer(2, False)).rows() == []


def test_several_workers_of_one_connection_are_several_rows() -> None:
    tapped = Tapped().hear(*authorized("a.1"), *authorized("a.2"), *authorized("a.1"))
    tapped.hear(submit(5, worker="a.2"), answer(5, True))
    counted = {row["name"]: row["shares_submitted"] for row in tapped.rows()}
    assert counted == {"a.1": 0, "a.2": 1}


def test_a_share_of_a_worker_that_was_never_authorized_counts_for_the_connection() -> None:
    tapped = Tapped().hear(*authorized("a.1"), submit(5, worker="b"), answer(5, False, "Unknown"))
    (row,) = tapped.rows()
    assert (row["name"], row["shares_rejected_by"]) == ("a.1", {"other": 1})
    alone = Tapped().hear(submit(5, worker="b"), answer(5, None, [24, "x", None]))
    (row,) = alone.rows()
    assert (row["name"], row["shares_rejected_by"]) == ("b", {"unauthorized": 1})
    accepted = tapped.hear(submit(6, worker="c"), answer(6, True)).names()
    assert accepted == ["a.1", "c"]


def test_a_share_without_a_worker_counts_for_the_connection() -> None:
    strange = submit(5)[0], line(id=5, method="mining.submit", params=[])
    (row,) = Tapped().hear(*authorized("a"), strange, answer(5, True)).rows()
    assert row["shares_submitted"] == 1
    (row,) = Tapped().hear(strange, answer(5, True)).rows()
    assert (row["name"], row["shares_submitted"]) == ("Miner-1", 1)


def test_a_reconnect_is_a_new_row_and_the_totals_go_on() -> None:
    tapped = Tapped().hear(*authorized("a"), submit(1), answer(1, True))
    tapped.session.close()
    assert tapped.rows() == []
    tapped.session = tapped.book.open("10.0.0.7:51235", NOW)
    tapped.hear(*authorized("a"), submit(1, worker="a"), answer(1, True))
    (row,) = tapped.rows()
    assert (row["downstream_id"], row["shares_submitted"]) == (3, 1)
    assert tapped.tracker.snapshot(NOW)["totals"]["shares_submitted"] == 2


def test_redacted_names_are_what_follows_the_first_dot() -> None:
    tapped = Tapped(redact_names=True, redact_ip=True)
    wallet = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
    names = (f"{wallet}.s21.7", wallet, f"{wallet}.")
    tapped.hear(*(one for name in names for one in authorized(name)))
    assert tapped.names() == ["s21.7", "Miner-2", "Miner-3"]
    assert {row["address"] for row in tapped.rows()} == {None}


def test_more_workers_than_a_connection_may_have_count_for_its_first() -> None:
    tapped = Tapped()
    for number in range(MAX_WORKERS + 10):
        tapped.hear(*authorized(f"w{number}"))
    tapped.hear(submit(1, worker=f"w{MAX_WORKERS + 5}"), answer(1, True))
    rows = tapped.rows()
    assert (len(rows), rows[0]["shares_submitted"]) == (MAX_WORKERS, 1)


def test_more_rows_than_a_process_may_have_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "MAX_ROWS", 1)
    tapped = Tapped().hear(*authorized("a"))
    other = tapped.book.open("10.0.0.8:1", NOW)
    for to, data in (*authorized("b"), submit(1, worker="b"), answer(1, True)):
        other.read(to, data, NOW)
    assert tapped.names() == ["a"]
    assert tapped.counts.rows_refused > 0


def test_what_the_tap_itself_saw_is_counted() -> None:
    tapped = Tapped().hear(
        tell("client.reconnect", "evil.example", 1, 1),
        tell("client.reconnect"),  # to where it is connected now
        (submit(1)[0], b"junk\n"),
        submit(1),
    )
    tapped.session.expire(NOW + 100)
    counts = tapped.counts
    assert (counts.redirects, sum(counts.unread.values())) == (1, 1)
    assert counts.verdicts[Verdict.UNANSWERED] == 1


def test_an_error_of_the_reader_is_counted_and_what_follows_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tapped = Tapped().hear(*authorized("a"))

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(tapped.tracker, "share_accepted", fail)
        tapped.hear(submit(1, worker="a"), answer(1, True))
    assert tapped.counts.unread[Direction.TO_MINER, Unreadable.UNEXPECTED] == 1
    tapped.hear(submit(2, worker="a"), answer(2, True))
    assert [row["shares_submitted"] for row in tapped.rows()] == [1]
