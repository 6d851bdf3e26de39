import pytest

from stats_gateway.errors import MessageRefused, Reason
from stats_gateway.limits import MAX_ROWS, Limits
from stats_gateway.store.capacity import check_rows, source_to_forget
from stats_gateway.store.sources import PartKind
from tests.support.senders import Senders, content
from tests.support.snapshots import connection, connection_snapshot, miner, miner_snapshot

HERE, THERE = "192.0.2.1", "192.0.2.2"
NAMED_BY = {"a": HERE, "b": HERE, "c": THERE}


def three(*down: str) -> Senders:
    """Sources a, b and c; those that are down went down in this order."""
    senders = Senders()
    for number, name in enumerate(NAMED_BY):
        senders.hello(number, name)
        senders.send(number, miner_snapshot(miner(1)), down.index(name) if name in down else 50)
    for seconds in range(30, 30 + len(down)):
        senders.pass_time(seconds)
    return senders


def to_forget(senders: Senders, **limits: int) -> str | None:
    sources = senders.store.view.sources
    return source_to_forget(HERE, sources, NAMED_BY, Limits(**limits))


def test_nothing_is_forgotten_while_there_is_room() -> None:
    assert to_forget(three("a"), max_sources=4) is None


def test_the_one_that_is_down_the_longest_is_forgotten() -> None:
    assert to_forget(three("c", "a"), max_sources=3) == "c"


def test_an_address_that_named_too_many_loses_one_of_its_own() -> None:
    assert to_forget(three("c", "b", "a"), max_sources_per_address=2) == "b"


def test_no_source_that_is_up_is_ever_forgotten() -> None:
    for limits in ({"max_sources": 3}, {"max_sources_per_address": 2}):
        with pytest.raises(MessageRefused) as refused:
            to_forget(three(), **limits)
        assert refused.value.reason is Reason.TOO_MANY_SOURCES


def test_rows_of_all_sources_together_have_a_bound_and_replaced_ones_do_not_count() -> None:
    sources = three().store.view.sources
    limits = Limits(max_total_rows=4)
    two = content(miner_snapshot(miner(1), miner(2)))
    check_rows(two, "a", PartKind.ROWS, sources, limits)
    for content_, place in ((two, "new"), (content(miner_snapshot(*map(miner, range(3)))), "a")):
        with pytest.raises(MessageRefused) as refused:
            check_rows(content_, place, PartKind.ROWS, sources, limits)
        assert refused.value.reason is Reason.TOO_MANY_ROWS


def test_a_snapshot_may_shrink_also_over_the_bound() -> None:
    sources = three().store.view.sources
    check_rows(content(miner_snapshot()), "a", PartKind.ROWS, sources, Limits(max_total_rows=1))


def test_channels_are_bounded_like_rows() -> None:
    channels = [0] * 60_000
    rows = (connection(id_, channels=channels) for id_ in range(MAX_ROWS // len(channels) + 1))
    with pytest.raises(MessageRefused, match="channels"):
        check_rows(content(connection_snapshot(*rows)), "a", PartKind.ROWS, {}, Limits())
