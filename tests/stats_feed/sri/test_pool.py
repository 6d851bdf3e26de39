import pytest

from stats_feed.sri.api.reading import read
from stats_feed.sri.pool import Pool as Feed
from stats_feed.sri.pool import common_name
from stats_feed.sri.sessions import Moment
from stats_gateway.sender import ConnectionInfo, ConnectionSnapshot, ConnectionType, MinerSnapshot
from tests.stats_feed.sri.programs import Peer, Pool, Version, drive

T0 = 1_730_488_800.0


class Watched:
    """A pool, and the feed that reads it, at a time that the test sets."""

    def __init__(self, program: Pool, *, uptime: float = 1000.0) -> None:
        self.program = program
        self.program.uptime = uptime
        self.now = 5000.0
        self.feed = Feed(self.now)

    def after(
        self, seconds: float, *, bulk_above: int = 50
    ) -> tuple[ConnectionSnapshot, MinerSnapshot]:
        self.program.uptime += seconds
        self.now += seconds
        self.program.refresh()
        reading = drive(read(bulk_above), self.program.answer)
        return self.feed.snapshots(
            reading, Moment(unix=T0 + self.now, monotonic=self.now, answered=self.now)
        )

    def row(self, seconds: float = 10.0) -> ConnectionInfo:
        (row,) = self.after(seconds)[0]["connections"]
        return row


def client(program: Pool, *shares: int) -> Peer:
    peer = program.connect()
    for number, count in enumerate(shares):
        line = program.open_channel(peer, f"acme.farm.miner{number}")
        for _ in range(count):
            line.share(2.0)
    return peer


def test_a_client_has_the_sums_of_its_channels() -> None:
    watched = Watched(Pool())
    peer = client(watched.program, 3, 4)
    peer.lines[1].refuse("difficulty-too-low")
    watched.after(0)
    peer.lines[0].share(2.0)
    assert watched.row() == {
        "downstream_id": 1,
        "connection_type": "Translator",
        "name": "acme.farm",
        "address": None,
        "hashrate": 2e12,
        "shares_submitted": 8,
        "shares_rejected": 1,
        "shares_rejected_by": {"low_difficulty": 1},
        "work": 16.0,
        "channels": [2, 3],
        "connected_at": None,
        "last_share_at": int(T0 + 5010),
        "quotes_created": None,
        "ehash_mined": None,
        "work_selection": None,
    }


def test_a_channel_that_closes_leaves_its_shares_with_its_client() -> None:
    watched = Watched(Pool())
    peer = client(watched.program, 3, 4)
    watched.after(0)
    watched.program.close_channel(peer)
    snapshot, _ = watched.after(10)
    (row,) = snapshot["connections"]
    assert (row["shares_submitted"], row["channels"], row["hashrate"]) == (7, [3], 1e12)
    watched.program.close_channel(peer)
    row = watched.row()
    assert (row["shares_submitted"], row["channels"], row["hashrate"]) == (7, [], None)
    watched.program.open_channel(peer).share(2.0)
    snapshot, _ = watched.after(10)
    assert snapshot["connections"][0]["shares_submitted"] == 8
    assert snapshot["totals"]["shares_submitted"] == 1


def test_a_client_without_a_channel_has_no_zeros() -> None:
    watched = Watched(Pool())
    client(watched.program)
    row = watched.row()
    assert (row["shares_submitted"], row["hashrate"], row["name"]) == (None, None, None)


@pytest.mark.parametrize("version", Version)
def test_the_metrics_tell_the_same_as_the_lists(version: Version) -> None:
    watched = Watched(Pool(version))
    peer = client(watched.program, 3, 4)
    peer.lines[0].refuse("stale-share")
    (by_json,) = watched.after(0)[0]["connections"]
    snapshot, miners = watched.after(10, bulk_above=0)
    assert snapshot["connections"] == [by_json]
    assert [row["shares_submitted"] for row in miners["miners"]] == [3, 4]
    assert watched.row() == by_json


def test_work_is_unknown_where_the_metrics_do_not_tell_it() -> None:
    watched = Watched(Pool(tells_work=False))
    peer = client(watched.program, 3)
    assert watched.row()["work"] == 6.0
    peer.lines[0].share(2.0)
    snapshot, _ = watched.after(10, bulk_above=0)
    assert (snapshot["connections"][0]["work"], snapshot["totals"].get("work")) == (None, None)
    assert snapshot["connections"][0]["shares_submitted"] == 4
    assert watched.row()["work"] == 8.0


def test_each_channel_is_a_miner_for_a_stats_proxy() -> None:
    watched = Watched(Pool())
    one, other = client(watched.program, 3), client(watched.program, 5)
    assert one.lines[0].channel_id == other.lines[0].channel_id
    _, miners = watched.after(0)
    rows = {row["shares_submitted"]: row for row in miners["miners"]}
    assert rows.keys() == {3, 5}
    assert rows[3]["downstream_id"] != rows[5]["downstream_id"]
    assert (rows[3]["name"], rows[3]["difficulty"]) == ("acme.farm.miner0", 1024.0)


def test_the_clients_of_a_restarted_pool_are_new_ones() -> None:
    watched = Watched(Pool())
    client(watched.program, 3)
    watched.after(0)
    watched.program.restart()
    client(watched.program, 5)
    snapshot, miners = watched.after(10)
    (row,) = snapshot["connections"]
    assert row["downstream_id"] != 1
    assert row["shares_submitted"] == 5
    assert miners["miners"][0]["downstream_id"] == 2
    assert snapshot["totals"]["shares_submitted"] == 5


def test_a_jd_client_is_read_like_a_pool_and_numbers_its_clients_from_0() -> None:
    program = Pool(has_server=True)
    program.first_id = 0
    program.restart()
    watched = Watched(program)
    client(program, 1)
    assert watched.row()["downstream_id"] == 0
    program.restart()
    client(program, 1)
    assert watched.row()["downstream_id"] != 0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("translator_proxy", "Translator"), ("miner", "Miner"), ("unknown", "Job Declarator")],
)
def test_a_client_is_of_the_kind_that_the_pool_tells_or_else_of_the_one_that_was_given(
    kind: str, expected: str
) -> None:
    program = Pool()
    client(program, 1)
    program.refresh()
    reading = drive(read(), program.answer)
    (one,) = reading.clients
    feed = Feed(0.0, unknown_type=ConnectionType.JOB_DECLARATOR)
    assert feed._type(one, is_hashpool=False) is ConnectionType.JOB_DECLARATOR  # noqa: SLF001
    told = type(one)(client_id=1, kind=kind)
    assert feed._type(told, is_hashpool=False).value == expected  # noqa: SLF001


@pytest.mark.parametrize(
    ("names", "common"),
    [
        ([], None),
        (["a.b"], "a.b"),
        (["acme.farm.miner5", "acme.farm.miner4"], "acme.farm"),
        (["acme", "bolt"], None),
        (["a.b", "a.b"], "a.b"),
        (["a.b.c", "a.b"], "a.b"),
        ([""], None),
    ],
)
def test_a_client_is_called_what_its_channels_have_in_common(
    names: list[str], common: str | None
) -> None:
    assert common_name(names) == common
