"""What one connection tells, whatever either side writes."""

import gc
import json
import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_feed.tap.reader.dialogue import Dialogue, Rooms
from stats_feed.tap.reader.facts import (
    AgentNamed,
    Authorized,
    DifficultySet,
    Fact,
    Redirected,
    ShareAccepted,
    ShareRejected,
    ShareUnanswered,
    Unread,
    Unreadable,
)
from stats_feed.tap.reader.pending import ANSWER_SECONDS
from stats_gateway.sender import RejectReason
from tests.stats_feed.tap.reader.dialogues import (
    MINER,
    NOW,
    POOL,
    Line,
    accepted,
    answer,
    ask,
    difficulty,
    line,
    notify,
    read,
    rejected,
    submit,
    tell,
)

BEGINNING = (
    ask("mining.subscribe", "cgminer/4.11.1", None, id_=1),
    answer(1, [[["mining.notify", "ae6812"]], "08000002", 4]),
    ask("mining.authorize", "farm.w1", "hunter2", id_=2),
    answer(2, True),
    difficulty(1024),
    notify("1f", clean=True),
)


def test_a_session_tells_its_agent_worker_difficulty_and_verdicts() -> None:
    ending = (submit(4), answer(4, True), submit(5), answer(5, None, [22, "Duplicate", None]))
    assert read(*BEGINNING, *ending) == [
        AgentNamed("cgminer/4.11.1"),
        Authorized("farm.w1"),
        DifficultySet(1024.0),
        ShareAccepted("farm.w1", 1024.0, NOW),
        ShareRejected("farm.w1", RejectReason.DUPLICATE, 1024.0, NOW),
    ]


def test_a_worker_counts_once_the_pool_has_accepted_it() -> None:
    refused = (ask("mining.authorize", "a", "x", id_=1), answer(1, False, [24, "no", None]))
    assert read(*refused) == []
    assert read(ask("mining.authorize", "a", "x", id_=1)) == []


def test_several_workers_of_one_connection_keep_their_names() -> None:
    facts = read(
        *(ask("mining.authorize", name, "x", id_=name) for name in "ab"),
        *(answer(name, True) for name in "ba"),
        *(submit(number, worker="ab"[number % 2]) for number in range(4)),
        *(answer(number, True) for number in (3, 0, 2, 1)),
    )
    assert [fact.worker for fact in facts if isinstance(fact, Authorized)] == ["b", "a"]
    shares = [fact.worker for fact in facts if isinstance(fact, ShareAccepted)]
    assert shares == ["b", "a", "a", "b"]


def test_one_id_for_every_request_is_answered_in_order() -> None:
    for id_ in (None, 4, "x"):
        facts = read(
            ask("mining.subscribe", id_=id_),
            answer(id_, [[], "00", 4]),
            ask("mining.authorize", "farm.w1", "p", id_=id_),
            submit(id_),
            submit(id_),
            answer(id_, True),
            answer(id_, True),
            answer(id_, False),
        )
        assert facts[0] == Authorized("farm.w1")
        assert (accepted(facts), rejected(facts)) == ([1.0], ["other"])


def test_an_answer_without_a_request_and_an_id_of_another_type_say_nothing() -> None:
    assert read(answer(4, True), submit(4), answer("4", True), answer(True, True)) == []


def test_requests_of_the_pool_have_ids_of_their_own() -> None:
    facts = read(
        submit(7),
        tell("client.get_version", id_=7),
        (POOL, line(id=7, result="cgminer/4.11.1", error=None)),
        tell("mining.ping", id_=7),
        (POOL, line(id=7, result="pong", error=None)),
        answer(7, True),
    )
    assert facts == [ShareAccepted("farm.w1", 1.0, NOW)]


def test_vardiff_counts_for_the_jobs_announced_after_it() -> None:
    facts = read(
        *BEGINNING,
        submit(1, "1f"),
        difficulty(2048.5),
        answer(1, True),
        submit(2, "1f"),
        answer(2, True),
        notify("20"),
        submit(3, "20"),
        submit(4, "1f"),
        answer(4, True),
        answer(3, True),
    )
    assert accepted(facts) == [1024.0, 1024.0, 1024.0, 2048.5]


def test_a_difficulty_may_be_tiny() -> None:
    facts = read(difficulty(0.0714), notify(1), submit(1, 1), answer(1, True))
    assert accepted(facts) == [0.0714]


@pytest.mark.parametrize("value", [0, -1, "512", None, True, [1], 1e300, float("nan"), {}])
def test_a_difficulty_that_is_none_leaves_the_one_before(value: object) -> None:
    facts = read(difficulty(8), difficulty(value), notify("a"), submit(1, "a"), answer(1, True))
    assert Unread(MINER, Unreadable.MALFORMED) in facts
    assert accepted(facts) == [8.0]


@pytest.mark.parametrize("id_", [3, None])
def test_a_pools_answer_to_a_suggested_difficulty_is_no_answer_to_a_share(id_: object) -> None:
    # public-pool answers with a mining.set_difficulty, older versions with the id, newer without.
    facts = read(
        ask("mining.suggest_difficulty", 512, id_=3),
        tell("mining.set_difficulty", 512, id_=id_),
        notify("a"),
        submit(3, "a"),
        answer(3, True),
    )
    assert accepted(facts) == [512.0]
    facts = read(submit(3), tell("mining.set_difficulty", 2, id_=3), answer(3, True))
    assert accepted(facts) == [1.0]


def test_a_share_without_an_answer_is_neither_accepted_nor_rejected() -> None:
    dialogue = Dialogue(Rooms())
    assert dialogue.feed(*submit(1), NOW) == []
    assert dialogue.expire(NOW + ANSWER_SECONDS - 1) == []
    assert dialogue.expire(NOW + ANSWER_SECONDS) == [ShareUnanswered("farm.w1")]
    assert dialogue.feed(*answer(1, True), NOW + ANSWER_SECONDS) == []
    dialogue.feed(*submit(2), NOW)
    dialogue.feed(*ask("mining.authorize", "b", "x", id_=3), NOW)
    assert dialogue.close() == [ShareUnanswered("farm.w1")]


def test_a_redirect_tells_its_host() -> None:
    assert read(tell("client.reconnect", "evil.example", 3333, 5)) == [Redirected("evil.example")]
    assert read(tell("client.reconnect")) == [Redirected(None)]


@pytest.mark.parametrize(
    "one",
    [
        ask("mining.configure", ["version-rolling"], {"version-rolling.mask": "1fffe000"}, id_=9),
        ask("mining.extranonce.subscribe", id_=9),
        ask("mining.multi_version", 4, id_=9),
        ask("mining.suggest_target", "00ff", id_=9),
        tell("mining.set_extranonce", "08", 4),
        tell("mining.set_version_mask", "1fffe000"),
        tell("client.show_message", "hello"),
        tell("mining.set_target", "00ff"),
    ],
)
def test_messages_that_say_nothing_about_shares_change_nothing(one: Line) -> None:
    around = (*BEGINNING, submit(4), answer(4, True))
    facts = read(*BEGINNING, one, answer(9, {"version-rolling": True}), *around[-2:])
    assert facts == read(*around)


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        ((POOL, b"[1, 2]\n"), Unreadable.NOT_OBJECT),
        ((MINER, b"7\n"), Unreadable.NOT_OBJECT),
        ((POOL, b"hello\n"), Unreadable.NOT_JSON),
        ((POOL, b'{"id": 1' + b"\n"), Unreadable.NOT_JSON),
        ((MINER, b"[" * 60_000 + b"\n"), Unreadable.NOT_JSON),
        ((MINER, b'{"id": ' + b"9" * 5_000 + b"}\n"), Unreadable.NOT_JSON),
        ((POOL, b"{}\n"), Unreadable.MALFORMED),
        ((MINER, b'{"id": 1}\n'), Unreadable.MALFORMED),
        ((MINER, b'{"method": "mining.notify"}\n'), Unreadable.MALFORMED),
        ((MINER, b'{"method": "mining.set_difficulty", "params": 7}\n'), Unreadable.MALFORMED),
        ((POOL, b"z" * 70_000 + b"\n"), Unreadable.TOO_LONG),
    ],
)
def test_what_cannot_be_read_is_told_with_its_reason_and_the_rest_is_read(
    junk: Line, reason: Unreadable
) -> None:
    facts = read(*BEGINNING, submit(4), junk, answer(4, True))
    assert [fact for fact in facts if isinstance(fact, Unread)] == [Unread(junk[0], reason)]
    assert accepted(facts) == [1024.0]


def test_a_submit_that_names_no_worker_or_job_is_still_a_share_of_its_connection() -> None:
    strange = (POOL, line(id=4, method="mining.submit", params={"a": 1}))
    facts = read(strange, answer(4, False, "Params not array"))
    assert facts == [ShareRejected(None, RejectReason.OTHER, 1.0, NOW)]


def test_no_password_is_in_anything_that_is_kept_or_told() -> None:
    dialogue = Dialogue(Rooms())
    facts = [fact for to, data in BEGINNING for fact in dialogue.feed(to, data, NOW)]
    facts += dialogue.feed(*ask("mining.authorize", "w", "correct horse", id_=5), NOW)
    gc.collect()
    mine = [one for one in gc.get_objects() if type(one) in (list, dict, tuple)]
    assert not [one for one in mine if "correct horse" in _texts(one)]
    assert "hunter2" not in repr(facts)


def _texts(container: object) -> list[str]:
    values = list(container.values()) if isinstance(container, dict) else list(container)  # type: ignore[call-overload]  # one of three types
    return [one for one in values if type(one) is str]


LINES = st.one_of(
    st.sampled_from([
        *BEGINNING, difficulty(0.5), difficulty(7), difficulty("x"), notify("20"),
        notify("21", clean=True), (POOL, b"\r\n"), (MINER, b"junk\r\n"), (POOL, b"{}\n"),
        (MINER, b"[]\n"), (POOL, b"\xff{\n"), tell("client.reconnect", "h", 1, 1),
        (MINER, b"x" * 70_000 + b"\n"), ask("mining.suggest_difficulty", 1, id_=3),
        tell("mining.set_difficulty", 3, id_=3),
    ]),
    st.builds(submit, st.sampled_from([None, 1, 2, "2"]), st.sampled_from(["1f", "20", 3])),
    st.builds(answer, st.sampled_from([None, 1, 2, "2"]), st.booleans(),
              st.sampled_from([None, "Stale", [23, "low", None]])),
)  # fmt: skip


def interleaved(lines: list[Line], random: Random) -> list[Line]:
    """Cut the bytes of both directions anywhere, such that lines end in the same order."""
    chunks: list[Line] = []
    left = {to: [data for way, data in lines if way is to] for to in (POOL, MINER)}
    for to, _ in lines:
        for way in random.sample([POOL, MINER], 2):
            if left[way] and way is not to:
                early = left[way][0][: random.randrange(len(left[way][0]))]
                chunks.append((way, early))
                left[way][0] = left[way][0][len(early) :]
        rest = left[to].pop(0)
        cut = random.randrange(len(rest) + 1)
        # What follows in the same direction may come along, as long as it ends no line.
        more = left[to][0][: random.randrange(len(left[to][0]))] if left[to] else b""
        if more:
            left[to][0] = left[to][0][len(more) :]
        chunks += [(to, rest[:cut]), (to, rest[cut:] + more)]
    return chunks


@given(st.lists(LINES, max_size=40), st.integers())
def test_every_split_and_interleaving_gives_the_same_facts(lines: list[Line], seed: int) -> None:
    def by_direction(facts: list[Fact]) -> list[Fact]:
        unread = [one for one in facts if isinstance(one, Unread)]
        # That a line is too long is told before its end, so that its place among others may differ.
        return [*(one for one in facts if not isinstance(one, Unread)), *sorted(unread, key=repr)]

    assert by_direction(read(*interleaved(lines, Random(seed)))) == by_direction(read(*lines))


@given(st.lists(st.tuples(st.sampled_from([POOL, MINER]), st.binary(max_size=200)), max_size=30))
def test_no_bytes_raise_an_error(chunks: list[Line]) -> None:
    read(*chunks)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([POOL, MINER]),
            st.recursive(
                st.one_of(
                    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
                    st.sampled_from(["mining.submit", "mining.authorize", "mining.notify"]),
                ),
                lambda inner: st.one_of(
                    st.lists(inner, max_size=4),
                    st.dictionaries(
                        st.sampled_from(["id", "method", "params", "result", "error", "x"]), inner
                    ),
                ),
                max_leaves=12,
            ).map(lambda value: json.dumps(value).encode() + b"\n"),
        ),
        max_size=10,
    )
)  # fmt: skip
def test_no_json_raises_an_error(chunks: list[Line]) -> None:
    read(*chunks)


@pytest.mark.slow
def test_what_a_connection_keeps_is_bounded_whatever_it_is_sent() -> None:
    rooms = Rooms()
    dialogue = Dialogue(rooms)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            id_ = f"{number}" + "i" * 300
            dialogue.feed(*submit(id_, "j" * 300 + id_, "w" * 300), NOW)
            dialogue.feed(*notify(f"{number}" + "n" * 300), NOW)
        dialogue.feed(POOL, b"x" * 60_000, NOW)
        dialogue.feed(MINER, b"x" * 60_000, NOW)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_500_000
    dialogue.close()
    assert rooms.partial_bytes.taken == rooms.requests.taken == 0
