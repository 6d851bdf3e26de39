from pathlib import Path

import pytest

from stats_feed.polling import Failure, ReadError, WrongSourceError
from stats_feed.sri.api.answers import Count
from stats_feed.sri.api.reading import MAX_ROWS, Answer, Kind, Reading, read
from stats_gateway.sender import RejectReason
from tests.stats_feed.sri.programs import Pool, Translator, Version, as_json, drive

RECORDED = Path(__file__).resolve().parents[1] / "answers"

HASHPOOL = """\
# TYPE hashpool_pool_info gauge
# TYPE hashpool_pool_downstream_shares_total counter
hashpool_pool_info{listen_address="0.0.0.0:34254"} 1
hashpool_pool_service_info{service_type="Pool",address="0.0.0.0:34254"} 1
hashpool_pool_downstream_info{downstream_id="3",address="10.0.0.3:5000",work_selection="true"} 1
hashpool_pool_downstream_shares_total{downstream_id="3"} 17
hashpool_pool_downstream_quotes_total{downstream_id="3"} 2
hashpool_pool_downstream_ehash_mined_total{downstream_id="3"} 4096
hashpool_pool_downstream_last_share_at_seconds{downstream_id="3"} 1730488800
hashpool_pool_downstream_hashrate_hs{downstream_id="3"} 1.5e14
hashpool_pool_downstream_info{downstream_id="4",address="a\\"b",work_selection="false"} 1
hashpool_pool_downstream_last_share_at_seconds{downstream_id="4"} 0
garbage that is no line {{{
"""


def from_files(prefix: str) -> Reading:
    """What the released program `prefix` answered."""

    def answer(target: str) -> Answer:
        path = target.partition("?")[0]
        name = path.removeprefix("/api/v1/").replace("/", "-")
        return Answer(200, (RECORDED / f"{prefix}.{name}.json").read_bytes())

    return drive(read(), answer)


def test_the_released_translator_is_read_as_it_answers() -> None:
    reading = from_files("tproxy")
    assert (reading.kind, reading.uptime) == (Kind.TRANSLATOR, 152)
    assert [miner.name for miner in reading.miners] == [
        "bc1qacme.rig-1",
        'bc1qacme.say "hi" ⛏',
        "rig-without-account",
    ]
    first = reading.miners[0]
    assert (first.client_id, first.channel_id, first.address) == (6, 6, "127.0.0.1")
    assert (first.hashrate, first.device) == (50000.0, None)
    assert first.difficulty == pytest.approx(3.4924297e-05)
    channel = reading.channels[0]
    assert (channel.channel_id, channel.extranonce) == (6, first.extranonce)
    assert channel.counts[Count.ACCEPTED] == 108
    assert channel.counts[Count.WORK] == 0.003771824018556913
    assert channel.counts[Count.REJECTED] == channel.counts[RejectReason.STALE] == 0


def test_the_released_pool_is_read_as_it_answers() -> None:
    reading = from_files("pool")
    assert (reading.kind, reading.is_bulk) == (Kind.POOL, False)
    assert [len(client.channels) for client in reading.clients] == [3, 1]
    channel = reading.clients[0].channels[0]
    assert (channel.name, channel.hashrate) == ("acme.farm.miner5", 185185.0)
    assert channel.counts[Count.ACCEPTED] == 108


@pytest.mark.parametrize("prefix", ["empty.tproxy", "empty.pool"])
def test_a_program_without_miners_is_an_empty_reading(prefix: str) -> None:
    def answer(target: str) -> Answer:
        name = target.partition("?")[0].removeprefix("/api/v1/").replace("/", "-")
        file = RECORDED / f"{prefix}.{name}.json"
        return Answer(200, file.read_bytes()) if file.exists() else as_json({}, status=404)

    reading = drive(read(), answer)
    assert (reading.miners, reading.channels, reading.clients) == ((), (), ())


def test_the_released_pools_metrics_say_what_its_json_says() -> None:
    by_json = from_files("pool")
    metrics = Answer(200, (RECORDED / "pool.metrics.txt").read_bytes())

    def answer(target: str) -> Answer:
        if target == "/metrics":
            return metrics
        name = target.partition("?")[0].removeprefix("/api/v1/").replace("/", "-")
        return Answer(200, (RECORDED / f"pool.{name}.json").read_bytes())

    by_metrics = drive(read(bulk_above=1), answer)
    assert by_metrics.is_bulk
    for one, other in zip(by_json.clients, by_metrics.clients, strict=True):
        shares = {ch.channel_id: ch.counts[Count.ACCEPTED] for ch in one.channels}
        bulk = {ch.channel_id: ch.counts[Count.ACCEPTED] for ch in other.channels}
        assert bulk == pytest.approx(shares, abs=1)  # recorded a moment later
        assert all(Count.WORK not in ch.counts for ch in other.channels)


def test_hashpools_pool_is_read_from_its_metrics() -> None:
    def answer(target: str) -> Answer:
        if target == "/metrics":
            return Answer(200, HASHPOOL.encode())
        nothing = dict.fromkeys(("server", "sv1_clients", "sv2_clients"))
        return as_json({**nothing, "uptime_secs": 5, "network": "testnet4"})

    reading = drive(read(), answer)
    assert (reading.kind, reading.listen_address) == (Kind.HASHPOOL_POOL, "0.0.0.0:34254")
    first, second = reading.clients
    assert (first.address, first.work_selection, first.quotes) == ("10.0.0.3:5000", True, 2)
    assert (first.ehash, first.last_share_at) == (4096, 1730488800)
    assert first.channels[0].counts == {Count.ACCEPTED: 17}
    assert (second.address, second.last_share_at, second.channels) == ('a"b', None, ())


@pytest.mark.parametrize("version", Version)
def test_more_rows_than_a_page_are_put_together(version: Version) -> None:
    program = Translator(version)
    for number in range(250):
        program.open_channel(program.connect(f"w{number}"))
    program.refresh()
    reading = drive(read(), program.answer)
    assert sorted(miner.client_id for miner in reading.miners) == list(range(1, 251))
    assert len(reading.channels) == 250
    # Twice the overview, three pages each of two lists.
    assert len(program.requests) == 8


def test_both_lists_of_channels_are_read_to_their_ends() -> None:
    program = Pool()
    peer = program.connect()
    for _ in range(301):
        program.open_channel(peer)
    program.refresh()
    (client,) = drive(read(), program.answer).clients
    assert sorted(channel.channel_id for channel in client.channels) == list(range(2, 303))


def test_pages_of_two_refreshes_are_read_again() -> None:
    program = Translator()
    for number in range(150):
        program.connect(f"w{number}")
    program.refresh()
    torn = iter([True])

    def answer(target: str) -> Answer:
        answered = program.answer(target)
        if "sv1/clients?offset=0" in target and next(torn, False):
            program.refresh()  # another order: page 2 repeats some rows and skips others
        return answered

    reading = drive(read(), answer)
    assert sorted(miner.client_id for miner in reading.miners) == list(range(1, 151))


def test_a_list_that_stays_torn_is_taken_with_each_row_once() -> None:
    program = Translator()
    for number in range(150):
        program.connect(f"w{number}")
    program.refresh()

    def answer(target: str) -> Answer:
        answered = program.answer(target)
        program.refresh()
        return answered

    reading = drive(read(), answer)
    ids = [miner.client_id for miner in reading.miners]
    assert len(set(ids)) == len(ids) > 100


def test_a_client_that_left_after_the_list_is_left_out() -> None:
    program = Pool()
    first, second = program.connect(), program.connect()
    program.refresh()

    def answer(target: str) -> Answer:
        if f"/clients/{first.client_id}/channels" in target:
            return as_json({"error": "Sv2 client 1 not found"}, status=404)
        return program.answer(target)

    reading = drive(read(), answer)
    assert [client.client_id for client in reading.clients] == [second.client_id]


def test_a_pool_with_many_clients_is_read_in_one_request() -> None:
    program = Pool()
    for _ in range(60):
        program.open_channel(program.connect())
    program.refresh()
    reading = drive(read(), program.answer)
    assert reading.is_bulk
    assert len(reading.clients) == 60
    assert len(program.requests) == 4  # the overview twice, the clients' list, the metrics


def test_a_restart_in_the_middle_of_a_reading_is_noticed() -> None:
    program = Translator()
    program.uptime = 100.0
    program.connect("a")
    program.refresh()

    def answer(target: str) -> Answer:
        answered = program.answer(target)
        if "sv1/clients" in target:
            program.restart()
            program.refresh()
        return answered

    with pytest.raises(ReadError) as raised:
        drive(read(), answer)
    assert raised.value.failure is Failure.RESTARTED


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b""),
        Answer(200, b"<html>"),
        Answer(200, b"[]"),
        as_json({"uptime_secs": 3}),
    ],
)
def test_what_is_no_such_api_is_told_from_one_that_is_broken(answer: Answer) -> None:
    with pytest.raises(WrongSourceError, match="no monitoring API"):
        drive(read(), lambda _: answer)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer(500, b""), Failure.STATUS),
        (Answer(404, b""), Failure.STATUS),
        (Answer(200, b'{"items": [], "tot'), Failure.MALFORMED),
        (Answer(200, b"[" * 100_000), Failure.MALFORMED),
        (as_json({"total": MAX_ROWS + 1, "items": []}), Failure.TOO_LARGE),
    ],
)
def test_an_answer_that_cannot_be_used_fails_this_reading(answer: Answer, failure: Failure) -> None:
    program = Translator()
    program.refresh()
    with pytest.raises(ReadError) as raised:
        drive(read(), lambda target: answer if "sv1" in target else program.answer(target))
    assert raised.value.failure is failure


@pytest.mark.parametrize("garbage", [None, "x", -1, 1.5, True, [], {}, 10**400, float("inf")])
def test_a_value_of_another_type_is_unknown_and_costs_nothing_else(garbage: object) -> None:
    names = ("channel_id", "hashrate", "target_hex", "sv1_username", "connection_ip")
    row = {"client_id": 1, **dict.fromkeys(names, garbage), "miner_telemetry": garbage}
    lists = {"total": 1, "limit": garbage, "items": [row, garbage]}

    def answer(target: str) -> Answer:
        if "global" in target:
            return as_json({"sv1_clients": {}, "uptime_secs": garbage, "network": garbage})
        return as_json(lists)

    (miner,) = drive(read(), answer).miners
    assert (miner.client_id, miner.channel_id, miner.difficulty) == (1, None, None)
    assert miner.hashrate in (None, 1.5)
