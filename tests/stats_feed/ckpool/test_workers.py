import json
import subprocess
import sys
import time
from pathlib import Path

from stats_feed.ckpool.files import PoolStatus, Worker
from stats_feed.ckpool.workers import Workers
from tests.stats_feed.ckpool.files import LogDir, worker
from tests.stats_gateway.sender.plain_gateway import PlainGateway
from tests.support.programs import ROOT

T0 = 1_730_488_800
STATUS = PoolStatus(updated_at=T0, work=1000.0)


def one(name: str = "a.rig", *, work: float = 8.0, last_share_at: int = T0) -> Worker:
    return Worker(name=name, hashrate=1e12, work=work, last_share_at=last_share_at)


def test_a_workers_work_is_exact_and_its_shares_are_unknown() -> None:
    snapshot = Workers(600).snapshot(STATUS, {"a": [one()]}, T0 + 9)
    (row,) = snapshot["miners"]
    assert row.pop("downstream_id") > 0  # type: ignore[misc]  # the rest is what is compared
    assert row == {
        "name": "a.rig",
        "address": None,
        "hashrate": 1e12,
        "shares_submitted": None,
        "work": 8.0,
        "connected_at": None,
        "last_share_at": T0,
    }
    assert snapshot["totals"] == {"work": 1000.0}


def test_a_worker_is_there_while_its_last_share_is_young_and_its_work_survives() -> None:
    workers = Workers(600)
    (first,) = workers.snapshot(STATUS, {"a": [one()]}, T0 + 599)["miners"]
    assert workers.snapshot(STATUS, {"a": [one()]}, T0 + 600)["miners"] == []
    again = one(work=9.0, last_share_at=T0 + 700)
    (second,) = workers.snapshot(STATUS, {"a": [again]}, T0 + 701)["miners"]
    assert (second["downstream_id"], second["work"]) == (first["downstream_id"], 9.0)


def test_a_worker_without_a_share_is_not_there() -> None:
    never = Worker(name="a", hashrate=0.0, work=0.0, last_share_at=None)
    assert Workers(600).snapshot(STATUS, {"a": [never]}, T0)["miners"] == []


def test_the_numbers_of_workers_are_the_same_after_a_restart_of_the_feed() -> None:
    users = {"a": [one(f"a.{number}") for number in range(100)]}
    before = Workers(600).snapshot(STATUS, users, T0)["miners"]
    after = Workers(600).snapshot(STATUS, users, T0)["miners"]
    assert before == after
    assert len({row["downstream_id"] for row in before}) == 100


def test_two_names_with_one_checksum_have_two_numbers() -> None:
    names = ["plumless", "buckeroo"]  # known to have one CRC-32
    rows = Workers(600).snapshot(STATUS, {"a": [one(name) for name in names]}, T0)["miners"]
    assert len({row["downstream_id"] for row in rows}) == 2


def test_a_worker_that_two_files_name_is_one_row() -> None:
    rows = Workers(600).snapshot(STATUS, {"a": [one()], "b": [one()]}, T0)["miners"]
    assert len(rows) == 1


def test_the_total_goes_on_when_ckpool_begins_its_own_anew_with_a_block() -> None:
    workers = Workers(600)
    totals = [
        workers.snapshot(PoolStatus(updated_at=T0, work=work), {}, T0)["totals"]["work"]
        for work in (1000.0, 1500.0, 20.0, 50.0)
    ]
    assert totals == [1000.0, 1500.0, 1520.0, 1550.0]


def test_the_program_sends_what_the_files_say_and_stops_when_they_are_old(tmp_path: Path) -> None:
    logs = LogDir(tmp_path / "logs")
    now = time.time()
    logs.write(now, 500, a=(worker("a.rig", shares=12, lastshare=now),))
    with PlainGateway() as gateway:
        command = [
            *(sys.executable, "-m", "stats_feed", "ckpool", "--log-dir", str(logs.path)),
            *("--to", "{}:{}".format(*gateway.listen().address)),
            *("--interval", "0.05", "--log.format", "json"),
        ]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as feed:
            with gateway.accept() as peer:
                assert peer.welcome()["source"] == "ckpool"
                miners = peer.read()["MinerSnapshot"]["miners"]
                assert isinstance(miners, list)
                assert [(row["name"], row["work"]) for row in miners] == [("a.rig", 12.0)]
                logs.write(now - 1000, 500)
                assert feed.stderr is not None
                said = (json.loads(line)["msg"] for line in feed.stderr)
                assert any("ckpool has not written its status" in text for text in said)
            feed.terminate()
            feed.communicate(timeout=20)
            assert feed.returncode == 0


def test_a_wrong_directory_is_a_clear_error_and_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stats_feed", "ckpool", "--log-dir", str(tmp_path)]
    for extra in ([], ["--config.check"]):
        ran = subprocess.run(
            [*command, *extra], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 1
        assert "is no log directory of ckpool" in ran.stderr
