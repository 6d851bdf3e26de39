"""What one peer can do to its own connection. Who is let in at all is in `test_server`."""

import tracemalloc

import pytest

from stats_gateway import __version__
from stats_gateway.errors import ConnectionReason, DroppedValue, Reason
from stats_gateway.limits import Limits
from stats_gateway.wire.encoding import Encoding
from tests.support.ingest import listening, until
from tests.support.snapshots import (
    Fields,
    connection_snapshot,
    frame,
    hello,
    miner,
    miner_snapshot,
    service_snapshot,
    translator_status,
    window,
)

HERE = "127.0.0.1"
NONSENSE: Fields = {"Nonsense": {}}
MESSAGE_BYTES = 4 << 20


@pytest.mark.parametrize("encoding", Encoding)
async def test_hello_is_welcomed_in_the_peers_own_encoding(encoding: Encoding) -> None:
    async with listening() as ingest, ingest.peer(encoding) as peer:
        assert await peer.ask(hello("a")) == {"Welcome": {"version": __version__}}
        await peer.send(miner_snapshot(miner(1)))
        await ingest.until_shown({"a": [1]})


@pytest.mark.parametrize("encoding", Encoding)
async def test_nothing_is_ever_written_to_a_peer_that_did_not_say_hello(encoding: Encoding) -> None:
    async with listening(Limits(max_refusals_in_row=2)) as ingest, ingest.peer(encoding) as peer:
        await peer.send(miner_snapshot(miner(1)), NONSENSE, NONSENSE)
        assert await peer.end() == b""
        assert ingest.shown() == {HERE: [1]}


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("source", ["", "127.0.0.1", "a#2", "x" * 129, "a\nb"])
async def test_a_bad_hello_is_told_why_and_closed(encoding: Encoding, source: str) -> None:
    async with listening() as ingest, ingest.peer(encoding) as peer:
        (error,) = await peer.ask(hello(source))
        assert error == "Error"
        assert await peer.end() == b""
        assert ingest.counters.connections_refused == {ConnectionReason.BAD_HELLO: 1}


@pytest.mark.parametrize("interval", [0.0, -1.0, 1e9, float("nan"), float("inf")])
async def test_an_interval_that_cannot_be_is_a_bad_hello(interval: float) -> None:
    async with listening() as ingest, ingest.peer() as peer:
        answer = await peer.ask(hello("a", interval=interval))
        assert "interval" in str(answer["Error"])


async def test_hello_comes_first_or_is_refused_and_the_connection_stays() -> None:
    async with listening() as ingest, ingest.peer() as peer:
        await peer.send(miner_snapshot(miner(1)), hello("late"), miner_snapshot(miner(2)))
        await ingest.until_shown({HERE: [2]})
        assert ingest.counters.messages_refused == {Reason.BAD_HELLO: 1}


@pytest.mark.parametrize("encoding", Encoding)
async def test_a_hello_that_does_not_decode_is_answered_and_closed(encoding: Encoding) -> None:
    async with listening() as ingest, ingest.peer(encoding) as peer:
        await peer.send({"Hello": ["a", 5.0, None, None]})
        answer = str(await peer.answer())
        assert "Error" in answer
        assert "use rmp_serde::to_vec_named" in answer
        assert await peer.end() == b""
        assert ingest.counters.connections_refused == {ConnectionReason.BAD_HELLO: 1}


async def test_a_refused_message_is_counted_and_the_last_good_snapshot_stays() -> None:
    async with listening() as ingest, ingest.peer() as peer:
        await peer.ask(hello("a"))
        await peer.send(miner_snapshot(miner(1)))
        await peer.send(miner_snapshot(miner(1), miner(1)), connection_snapshot(), NONSENSE)
        await until(lambda: ingest.counters.messages_refused.total() == 3)
        assert ingest.counters.messages_refused == {
            Reason.DUPLICATE_DOWNSTREAM: 1,
            Reason.WRONG_SERVICE: 1,
            Reason.UNKNOWN_MESSAGE: 1,
        }
        assert ingest.shown() == {"a": [1]}


async def test_sixteen_refusals_in_a_row_end_the_connection_and_fifteen_do_not() -> None:
    async with listening() as ingest, ingest.peer() as peer:
        await peer.ask(hello("a"))
        await peer.send(*[NONSENSE] * 15, miner_snapshot(miner(1)), *[NONSENSE] * 15)
        await peer.send(miner_snapshot(miner(2)))
        await ingest.until_shown({"a": [2]})
        await peer.send(*[NONSENSE] * 16)
        assert "Error" in await peer.answer()
        assert await peer.end() == b""
        assert ingest.counters.connections_refused == {ConnectionReason.TOO_MANY_REFUSALS: 1}


async def test_a_frame_over_the_limit_ends_the_connection_before_it_has_come() -> None:
    async with listening(Limits(max_message_bytes=1024)) as ingest, ingest.peer() as peer:
        await peer.send((1025).to_bytes(4, "big"))
        assert await peer.end() == b""
        assert ingest.counters.connections_refused == {ConnectionReason.FRAME_TOO_LARGE: 1}
        assert ingest.counters.messages_refused == {Reason.FRAME_TOO_LARGE: 1}


async def test_a_line_over_the_limit_is_dropped_and_the_connection_goes_on() -> None:
    limits = Limits(max_message_bytes=1024)
    async with listening(limits) as ingest, ingest.peer(Encoding.JSON_LINES) as peer:
        await peer.send(b'{"x":"' + b"y" * 100_000 + b'"}\n', miner_snapshot(miner(1)))
        await ingest.until_shown({HERE: [1]})
        assert ingest.counters.messages_refused == {Reason.LINE_TOO_LONG: 1}


async def test_more_rows_than_the_limit_are_refused_whole() -> None:
    async with listening(Limits(max_rows=1)) as ingest, ingest.peer() as peer:
        await peer.send(miner_snapshot(miner(1)), miner_snapshot(miner(1), miner(2)))
        await until(lambda: ingest.counters.messages_refused == {Reason.TOO_MANY_ROWS: 1})
        assert ingest.shown() == {HERE: [1]}


async def test_a_message_that_does_not_end_in_time_ends_the_connection() -> None:
    async with listening(Limits(frame_seconds=0.05)) as ingest, ingest.peer() as peer:
        await peer.send(frame(miner_snapshot(miner(1)))[:-1])
        assert await peer.end() == b""
        assert ingest.counters.connections_refused == {ConnectionReason.SLOW_FRAME: 1}


@pytest.mark.parametrize("said", [b"", b"\n"])
async def test_a_peer_that_says_nothing_is_closed(said: bytes) -> None:
    async with listening(Limits(silent_seconds=0.05)) as ingest, ingest.peer() as peer:
        await peer.send(said)
        assert await peer.end() == b""
        assert ingest.counters.connections_refused == {ConnectionReason.SILENT: 1}


async def test_a_sender_that_declared_a_longer_interval_is_not_closed_for_it() -> None:
    # Long enough for both to say Hello on a slow machine.
    limits = Limits(silent_seconds=1.0)
    async with listening(limits) as ingest, ingest.peer() as patient, ingest.peer() as hasty:
        await patient.ask(hello("patient", interval=60.0))
        await hasty.ask(hello("hasty", interval=0.01))
        assert b"Error" in await hasty.end()
        await patient.send(miner_snapshot(miner(1)))
        await ingest.until_shown({"patient": [1]})


async def test_a_large_snapshot_is_shown_like_a_small_one() -> None:
    async with listening() as ingest, ingest.peer() as peer:
        await peer.send(miner_snapshot(*map(miner, range(2000))))
        await ingest.until_shown({HERE: list(range(2000))})


async def test_messages_and_bytes_and_dropped_values_are_counted() -> None:
    retired = {"type": "ShareSubmitted", "downstream_id": 1, "timestamp": 1}
    messages = [miner_snapshot(miner(1, hashrate=-1.0)), retired, hello("late")]
    async with listening() as ingest, ingest.peer() as peer:
        await peer.send(*messages)
        await until(lambda: ingest.counters.messages_refused.total() == 1)
        assert ingest.counters.messages == {"MinerSnapshot": 1, "ShareSubmitted": 1}
        assert +ingest.counters.values_dropped == {DroppedValue.NEGATIVE: 1}
        assert ingest.counters.received_bytes == sum(len(frame(message)) for message in messages)


async def test_two_connections_of_one_rust_service_are_one_source() -> None:
    lines = Encoding.JSON_LINES
    async with listening() as ingest, ingest.peer(lines) as status, ingest.peer(lines) as shares:
        await status.send(translator_status())
        await shares.send(service_snapshot(window(1)))
        await until(lambda: ingest.counters.messages.total() == 2)
        assert ingest.shown() == {HERE: []}


@pytest.mark.parametrize("encoding", Encoding)
async def test_a_connection_that_waits_holds_nothing_of_the_message_before(
    encoding: Encoding,
) -> None:
    async with listening() as ingest, ingest.peer(encoding) as peer:
        tracemalloc.start()
        try:
            await peer.send({**miner_snapshot(miner(1)), "ignored": "x" * MESSAGE_BYTES})
            await ingest.until_shown({HERE: [1]})
            await until(lambda: tracemalloc.get_traced_memory()[0] < MESSAGE_BYTES // 2)
        finally:
            tracemalloc.stop()
