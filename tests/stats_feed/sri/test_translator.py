import pytest

from stats_feed.sri.api.reading import read
from stats_feed.sri.sessions import Moment
from stats_feed.sri.translator import Translator as Feed
from stats_gateway.sender import MinerInfo, MinerSnapshot
from stats_gateway.sender.wire import encode_snapshot
from tests.stats_feed.sri.programs import Peer, Translator, Version, drive

T0 = 1_730_488_800.0


class Watched:
    """A translator, and the feed that reads it, at a time that the test sets."""

    def __init__(
        self, program: Translator, *, redact_ip: bool = False, uptime: float = 1000.0
    ) -> None:
        self.program = program
        self.program.uptime = uptime
        self.now = 5000.0
        self.feed = Feed(self.now, redact_ip=redact_ip, upstream="pool:34254")

    def after(self, seconds: float) -> MinerSnapshot:
        self.program.uptime += seconds
        self.now += seconds
        self.program.refresh()
        reading = drive(read(), self.program.answer)
        return self.feed.snapshot(
            reading, Moment(unix=T0 + self.now, monotonic=self.now, answered=self.now)
        )

    def row(self, seconds: float = 10.0) -> MinerInfo:
        (row,) = self.after(seconds)["miners"]
        return row


def working(program: Translator, name: str = "farm.a", shares: int = 3) -> Peer:
    peer = program.connect(name)
    line = program.open_channel(peer)
    for _ in range(shares):
        line.share(1024.0)
    return peer


def test_a_miner_has_what_its_own_channel_counted() -> None:
    watched = Watched(Translator())
    peer = working(watched.program)
    peer.lines[0].refuse("stale-share")
    snapshot = watched.after(0)
    assert snapshot == {
        "miners": [
            {
                "downstream_id": 1,
                "name": "farm.a",
                "address": "192.0.2.1",
                "hashrate": 1e12,
                "shares_submitted": 3,
                "shares_rejected": 1,
                "shares_rejected_by": {"stale": 1},
                "work": 3072.0,
                "connected_at": None,
                "last_share_at": None,
                "difficulty": 1024.0,
            }
        ],
        "timestamp": int(T0 + 5000),
        "totals": {
            "shares_submitted": 0,
            "shares_rejected": 0,
            "shares_rejected_by": {
                "stale": 0,
                "duplicate": 0,
                "low_difficulty": 0,
                "unauthorized": 0,
                "other": 0,
            },
            "work": 0.0,
        },
        "upstream": {"address": "pool:34254", "connected": True},
    }
    peer.lines[0].share(1024.0)
    snapshot = watched.after(10)
    assert snapshot["totals"]["shares_submitted"] == 1
    assert snapshot["miners"][0]["last_share_at"] == int(T0 + 5010)


def test_in_an_aggregating_translator_a_miners_shares_are_unknown_and_the_totals_known() -> None:
    watched = Watched(Translator(aggregated=True))
    for name in ("a", "b", "c"):
        working(watched.program, name, shares=0)
    watched.after(0)
    shared = watched.program.shared
    assert shared is not None
    for _ in range(9):
        shared.share(64.0)
    snapshot = watched.after(10)
    # The second miner's own channel has the number of the shared one.
    assert 2 in {peer.lines[0].channel_id for peer in watched.program.peers.values()}
    for row in snapshot["miners"]:
        assert (row["shares_submitted"], row["work"], row["last_share_at"]) == (None, None, None)
    totals = snapshot["totals"]
    assert (totals["shares_submitted"], totals["work"]) == (9, 576.0)
    assert watched.feed.is_aggregated


def test_a_miner_that_comes_has_the_time_it_was_first_seen_and_all_its_shares_in_the_totals() -> (
    None
):
    watched = Watched(Translator())
    assert watched.after(0)["totals"]["shares_submitted"] == 0
    working(watched.program, shares=5)
    snapshot = watched.after(10)
    assert snapshot["miners"][0]["connected_at"] == int(T0 + 5010)
    assert snapshot["miners"][0]["last_share_at"] == int(T0 + 5010)
    assert snapshot["totals"]["shares_submitted"] == 5


def test_a_program_that_started_after_the_feed_is_counted_from_its_beginning() -> None:
    watched = Watched(Translator(), uptime=-5.0)
    working(watched.program, shares=5)
    assert watched.after(8)["totals"]["shares_submitted"] == 5


def test_after_a_fallback_the_same_numbers_are_other_miners() -> None:
    watched = Watched(Translator())
    working(watched.program, "farm.a", shares=5)
    assert watched.row()["shares_submitted"] == 5
    watched.program.restart()
    working(watched.program, "farm.a", shares=7)
    snapshot = watched.after(10)
    (row,) = snapshot["miners"]
    assert row["downstream_id"] != 1
    assert row["shares_submitted"] == 7
    assert snapshot["totals"]["shares_submitted"] == 7
    assert watched.feed.restarts == 1


def test_a_clock_that_is_set_back_is_no_restart() -> None:
    watched = Watched(Translator())
    working(watched.program, shares=5)
    first = watched.row()
    watched.program.uptime -= 300
    assert watched.row()["downstream_id"] == first["downstream_id"]
    assert watched.after(10)["totals"]["shares_submitted"] == 0
    assert watched.feed.restarts == 0


def test_another_name_under_one_number_is_another_miner_without_the_first_ones_shares() -> None:
    watched = Watched(Translator())
    peer = working(watched.program, "farm.a", shares=5)
    watched.row()
    peer.name = "farm.b"
    peer.lines[0].share(1024.0)
    row = watched.row()
    assert (row["name"], row["shares_submitted"]) == ("farm.b", 1)
    assert row["downstream_id"] != 1


def test_a_connection_without_name_and_channel_is_no_miner_for_ten_seconds() -> None:
    watched = Watched(Translator())
    watched.program.connect()
    assert watched.after(0)["miners"] == []
    assert watched.after(9)["miners"] == []
    row = watched.row(1.0)
    assert (row["name"], row["hashrate"], row["shares_submitted"]) == ("client-1", None, None)


def test_a_row_that_is_missed_once_is_the_same_row_when_it_is_back() -> None:
    watched = Watched(Translator())
    peer = working(watched.program, shares=5)
    watched.row()
    watched.program.hidden = {peer.client_id}  # its channel is listed all the same
    peer.lines[0].share(1024.0)
    assert watched.after(10)["miners"] == []
    watched.program.hidden = set()
    snapshot = watched.after(10)
    assert snapshot["miners"][0]["shares_submitted"] == 6
    assert snapshot["totals"]["shares_submitted"] == 1


def test_a_miner_whose_channel_is_opened_anew_keeps_its_sum() -> None:
    watched = Watched(Translator())
    peer = working(watched.program, shares=5)
    watched.row()
    watched.program.close_channel(peer)
    row = watched.row()
    assert (row["shares_submitted"], row["hashrate"]) == (5, None)
    watched.program.open_channel(peer).share(1.0)
    assert watched.row()["shares_submitted"] == 6


def test_shares_that_the_upstream_refuses_later_never_let_a_counter_fall() -> None:
    watched = Watched(Translator())
    peer = working(watched.program, shares=5)
    assert watched.row()["shares_submitted"] == 5
    peer.lines[0].rejected["stale-share"] += 2  # of the five that were sent
    row = watched.row()
    assert (row["shares_submitted"], row["shares_rejected"]) == (5, 2)
    for _ in range(4):
        peer.lines[0].share(1024.0)
    assert watched.row()["shares_submitted"] == 7


@pytest.mark.parametrize("version", Version)
def test_rejects_are_known_where_the_version_tells_them(version: Version) -> None:
    watched = Watched(Translator(version))
    peer = working(watched.program, shares=0)
    peer.lines[0].refuse("duplicate-share")
    row = watched.row()
    if version is Version.EARLY:
        assert (row["shares_rejected"], row.get("shares_rejected_by")) == (None, None)
        assert row["work"] is None
    else:
        assert (row["shares_rejected"], row["shares_rejected_by"]) == (1, {"duplicate": 1})


def test_a_number_that_is_null_is_unknown_for_that_reading_only() -> None:
    watched = Watched(Translator())
    peer = working(watched.program, shares=2)
    assert watched.row()["work"] == 2048.0
    watched.program.nulls = {"validated_work_sum", "hashrate"}
    peer.lines[0].share(1024.0)
    snapshot = watched.after(10)
    assert (snapshot["miners"][0]["work"], snapshot["miners"][0]["hashrate"]) == (None, None)
    assert snapshot["miners"][0]["shares_submitted"] == 3
    assert "work" not in snapshot["totals"]
    watched.program.nulls = set()
    snapshot = watched.after(10)
    assert (snapshot["miners"][0]["work"], snapshot["totals"]["work"]) == (3072.0, 1024.0)


def test_hashpools_translator_tells_shares_and_connect_times_itself() -> None:
    watched = Watched(Translator(Version.EARLY, own_counts=True))
    peer = working(watched.program, shares=2)
    watched.after(0)
    peer.lines[0].share(1.0)
    snapshot = watched.after(10)
    (row,) = snapshot["miners"]
    assert (row["shares_submitted"], row["connected_at"]) == (3, 1_700_000_000 + peer.uid)
    assert (row["address"], row["work"]) == ("192.0.2.1:4444", None)
    assert snapshot["totals"]["shares_submitted"] == 1


def test_addresses_are_not_sent_where_they_are_redacted() -> None:
    watched = Watched(Translator(), redact_ip=True)
    working(watched.program)
    assert watched.row()["address"] is None


def test_without_an_uptime_a_fallback_is_found_by_counters_that_fall() -> None:
    watched = Watched(Translator())
    watched.program.nulls = {"uptime_secs"}
    working(watched.program, "farm.a", shares=5)
    watched.after(0)
    watched.program.restart()
    working(watched.program, "farm.a", shares=2)
    snapshot = watched.after(10)
    # The same name, number and address: it may be the same miner, and its sum goes on.
    assert snapshot["miners"][0]["shares_submitted"] == 7
    assert snapshot["totals"]["shares_submitted"] == 2


TELEMETRY = {"reported_hashrate_hs": 2e14, "power_consumption_w": 3500.0, "is_mining": True}


@pytest.mark.parametrize(
    ("telemetry", "device"),
    [
        ({"miner_telemetry": TELEMETRY}, {"hashrate": 2e14, "power": 3500.0}),
        (
            {
                "miner_telemetry": {"average_temperature_c": 61.5},
                "miner_telemetry_status": "matched",
            },
            {"temperature": 61.5},
        ),
        ({"miner_telemetry": TELEMETRY, "miner_telemetry_status": "duplicate_worker_name"}, None),
        ({"miner_telemetry": {"reported_hashrate_hs": None}}, None),
        ({"miner_telemetry": None, "miner_telemetry_status": None}, None),
        ({}, None),
    ],
)
def test_a_devices_own_figures_are_sent_where_it_is_sure_which_device_it_is(
    telemetry: dict[str, object], device: dict[str, float] | None
) -> None:
    watched = Watched(Translator())
    working(watched.program)
    watched.program.telemetry = telemetry
    assert watched.row().get("device") == device


def test_counters_that_leap_about_their_bounds_still_fit_the_wire() -> None:
    watched = Watched(Translator())
    peer = working(watched.program, shares=1)
    line = peer.lines[0]
    for sent, work in ((2**64 - 1, 2.0**224), (0, 0.0), (2**70, 1e300), (2**64 - 1, 2.0**224)):
        line.sent, line.work = sent, work
        snapshot = watched.after(10)
        encode_snapshot(snapshot)
    assert snapshot["totals"]["shares_submitted"] == 2**64 - 1
    assert snapshot["miners"][0]["shares_submitted"] == 2**64 - 1
