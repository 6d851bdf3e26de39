"""The bytes on either side are those of a direct connection."""

import os
import threading
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats_feed.tap.reader.dialogues import notify, submit
from tests.stats_feed.tap.taps import EACH_LOOP, LOOPS, Peer, Pool, RunningTap

MIB = 1 << 20


@pytest.fixture(scope="module", params=EACH_LOOP)
def joined(request: pytest.FixtureRequest) -> Iterator[tuple[RunningTap, Pool]]:
    with Pool() as pool, RunningTap("--upstream", pool.name, loop=LOOPS[request.param]) as tap:
        yield tap, pool


def both(tap: RunningTap, pool: Pool) -> tuple[Peer, Peer]:
    miner = tap.connect()
    return miner, pool.accept()


class Reader(threading.Thread):
    """Reads a connection to its end meanwhile."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self._peer = peer
        self.data = b""
        self.start()

    def run(self) -> None:
        self.data = self._peer.read_to_end()


CHUNKS = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.sampled_from([submit(4)[1], notify("1f")[1], b"\n", b"{", b"\x16\x03\x01", b"x" * 200_000]),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), CHUNKS), max_size=12))
def test_what_either_side_writes_arrives_unchanged_and_so_do_both_ends(
    joined: tuple[RunningTap, Pool], script: list[tuple[bool, bytes]]
) -> None:
    miner, pool = both(*joined)
    with miner, pool:
        at_pool, at_miner = Reader(pool), Reader(miner)
        for is_miner, data in script:
            (miner if is_miner else pool).send(data)
        miner.end()
        at_pool.join()
        pool.send(b"after the miner's end")
        pool.end()
        at_miner.join()
    assert at_pool.data == b"".join(data for is_miner, data in script if is_miner)
    to_miner = b"".join(data for is_miner, data in script if not is_miner)
    assert at_miner.data == to_miner + b"after the miner's end"


@pytest.mark.parametrize("is_text", [True, False])
def test_a_line_of_64_mib_and_as_much_of_noise_pass_in_both_directions_at_once(
    joined: tuple[RunningTap, Pool], is_text: bool
) -> None:
    data = b"x" * (64 * MIB) + b"\n" if is_text else os.urandom(MIB) * 64
    miner, pool = both(*joined)
    with miner, pool:
        at_pool, at_miner = Reader(pool), Reader(miner)
        senders = [threading.Thread(target=peer.send, args=(data,)) for peer in (miner, pool)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        miner.end()
        at_pool.join()
        pool.end()
        at_miner.join()
    assert at_pool.data == data
    assert at_miner.data == data


def test_either_side_may_end_first_and_the_other_direction_goes_on(
    joined: tuple[RunningTap, Pool],
) -> None:
    for first in range(2):
        ends = both(*joined)
        one, other = ends[first], ends[1 - first]
        with one, other:
            one.send(b"last words\n")
            one.end()
            assert other.read_to_end() == b"last words\n"
            other.send(b"an answer\n")
            assert one.read(10) == b"an answer\n"
            other.end()
            assert one.read_to_end() == b""


def test_what_is_written_before_the_pool_is_there_arrives_first(
    joined: tuple[RunningTap, Pool],
) -> None:
    tap, pool = joined
    with tap.connect() as miner:
        miner.send(b"at once\n")
        miner.end()
        with pool.accept() as upstream:
            upstream.send(b"hello\n")
            assert upstream.read_to_end() == b"at once\n"
            assert miner.read(6) == b"hello\n"


def test_a_side_that_is_reset_ends_the_other_one(joined: tuple[RunningTap, Pool]) -> None:
    for first in range(2):
        ends = both(*joined)
        with ends[1 - first] as other:
            ends[first].send(b"a")
            assert other.read(1) == b"a"
            ends[first].reset()
            assert other.is_closed()


def test_what_a_pool_wrote_before_it_closed_arrives(joined: tuple[RunningTap, Pool]) -> None:
    data = Random(1).randbytes(3 * MIB)
    miner, pool = both(*joined)
    with miner:
        reader = Reader(miner)
        with pool:
            pool.send(data)
        reader.join()
        assert reader.data == data
