"""The program as it is started: from miners and a pool to a gateway and a scrape."""

import signal
import subprocess
import sys

from tests.stats_feed.tap.programs import connect, running
from tests.stats_feed.tap.reader.dialogues import (
    answer,
    ask,
    difficulty,
    notify,
    submit,
    tell,
)
from tests.stats_feed.tap.taps import Pool
from tests.stats_gateway.sender.plain_gateway import PlainGateway
from tests.support.ports import free_ports
from tests.support.programs import ROOT
from tests.support.until import until

SECRET, WALLET = "correct-horse", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"


def test_from_a_share_to_a_gateway_and_its_own_metrics() -> None:
    with (
        Pool() as pool,
        PlainGateway() as gateway,
        running(
            "--upstream", pool.name, "--to={}:{}".format(*gateway.listen().address),
            "--redact-names",
        ) as tap,
        gateway.accept() as service,
    ):  # fmt: skip
        assert service.welcome()["source"] == "tap"
        with connect(tap.miners) as miner, pool.accept() as upstream:
            asked = ask("mining.authorize", f"{WALLET}.s21", SECRET, id_=1)[1]
            shares = b"".join(submit(id_, worker=f"{WALLET}.s21")[1] for id_ in (2, 3))
            work = answer(1, True)[1] + difficulty(512)[1] + notify("1f")[1]
            miner.send(asked)
            assert upstream.read(len(asked)) == asked
            upstream.send(work)
            assert miner.read(len(work)) == work
            miner.send(shares)
            assert upstream.read(len(shares)) == shares
            upstream.send(answer(2, True)[1] + answer(3, False, "Stale")[1])
            upstream.send(tell("client.reconnect", "evil.example", 1, 1)[1])

            def rows() -> list[dict[str, object]]:
                found = service.read()["MinerSnapshot"]["miners"]
                assert isinstance(found, list)
                return [row for row in found if row["shares_submitted"]]

            (row,) = until(rows)
            assert (row["name"], row["work"], row["shares_rejected_by"]) == (
                "s21", 512.0, {"stale": 1},
            )  # fmt: skip
            metrics = tap.metrics()
        log = tap.stop()
    assert metrics["stats_feed_up tap"] == metrics["stats_feed_rows tap"] == 1
    assert metrics["stats_feed_tap_connections tap"] == 1
    assert metrics["stats_feed_tap_shares_total tap accepted"] == 1
    assert metrics["stats_feed_tap_shares_total tap stale"] == 1
    assert metrics["stats_feed_tap_redirects_total tap"] == 1
    assert metrics["stats_feed_tap_bytes_total tap to_pool"] > 300
    assert metrics["stats_feed_tap_added_seconds_count tap"] > 3
    assert metrics["stats_feed_tap_added_seconds_bucket tap +Inf"] > 3
    assert metrics[f"stats_feed_tap_upstream_connections_total tap {pool.name}"] == 1
    assert metrics[f"stats_feed_tap_upstream_failures_total tap {pool.name} refused"] == 0
    assert SECRET not in log
    assert WALLET not in log


def test_an_upstream_that_is_away_is_told_with_the_first_miner_and_not_before() -> None:
    (away,) = free_ports(1)
    with (
        PlainGateway() as gateway,
        running(
            f"--upstream=127.0.0.1:{away}", "--to={}:{}".format(*gateway.listen().address),
        ) as tap,
        gateway.accept() as service,
    ):  # fmt: skip
        service.welcome()
        assert "upstream" not in service.read()["MinerSnapshot"]
        with connect(tap.miners) as miner:
            assert miner.is_closed()
        told = until(lambda: service.read()["MinerSnapshot"].get("upstream"))
        assert isinstance(told, dict)
        assert (told["address"], told["connected"]) == (f"127.0.0.1:{away}", False)


def test_it_drains_on_sigterm_and_tells_how_many_are_left() -> None:
    with (
        Pool() as pool,
        running("--upstream", pool.name, "--to=127.0.0.1:1", "--drain=3600") as tap,
    ):
        with connect(tap.miners) as miner, pool.accept() as upstream:
            tap.process.send_signal(signal.SIGTERM)
            until(lambda: "draining: 1 miners are left" in tap.log)
            miner.send(b"share\n")
            assert upstream.read(6) == b"share\n"
        assert tap.process.wait(60) == 0


def test_what_cannot_be_listened_on_and_files_that_are_wrong_are_clear_errors() -> None:
    with Pool() as pool:
        taken = f"--listen={pool.name}"
        cases = [
            ((taken,), "Address already in use"),
            (("--listen=tls://127.0.0.1:0", "--tls-certificate=/nowhere.pem",
              "--tls-key=/nowhere.key"), "/nowhere.pem"),
        ]  # fmt: skip
        for flags, message in cases:
            command = [sys.executable, "-m", "stats_feed", "tap", "--upstream=a:1", *flags]
            ran = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
            assert ran.returncode == 1
            assert message in ran.stderr
            assert "Traceback" not in ran.stderr
    (port,) = free_ports(1)
    command = [
        *(sys.executable, "-m", "stats_feed", "tap", "--config.check"),
        *(f"--listen=127.0.0.1:{port}", "--upstream=pool.example:3333"),
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "stats-feed tap: the flags are fine\n"
