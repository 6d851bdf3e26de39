"""What a Prometheus holds that scraped the live services after the move: a steady fleet."""

from collections.abc import Iterator
from pathlib import Path

from stats_history.recording.recorder import Recorder
from stats_history.writing.slices import Slice
from tests.support.blocks import write_samples
from tests.support.programs import program

SCRAPE_SECONDS = 15
SHARES_PER_SCRAPE = 5
DIFFICULTY = 1000.0
HASHRATE = SHARES_PER_SCRAPE * DIFFICULTY * 2**32 / SCRAPE_SECONDS
"""Of each miner or connection, in hashes per second."""

QUOTE_SECONDS = 600
FIRST_QUOTE = 100
"""Seconds after the move, and after the old database began."""

EHASH = 7
MINERS = 3

Values = dict[str, float]


def proxy(age: int, now: int) -> Values:
    """What stats-proxy exposes `age` seconds after the senders moved, by family and labels."""
    quotes = _quotes(age)
    values: Values = {
        "stratum_proxy_hashrate_hashes_per_second{": MINERS * HASHRATE,
        'stratum_proxy_miners{state="active",': MINERS,
        'stratum_proxy_miners{state="idle",': 0,
        "stratum_proxy_quotes_created_total{": quotes,
        "stratum_proxy_quotes_amount_ehash_total{": quotes * EHASH,
        "stats_gateway_downstreams{": MINERS,
        "stats_gateway_downstreams_hidden{": 0,
    }
    for number in range(1, MINERS + 1):
        labels = f'{{downstream_id="{number}",name="rig{number}",'
        values |= _row(f"stratum_proxy_miner_@{labels}", age, now)
    return values


def pool(age: int, now: int) -> Values:
    """The same of stats-pool, with a translator for each miner."""
    quotes = _quotes(age)
    values: Values = {
        "stratum_pool_hashrate_hashes_per_second{": MINERS * HASHRATE,
        'stratum_pool_connections{connection_type="Translator",': MINERS,
        "stats_gateway_downstreams{": MINERS,
        "stats_gateway_downstreams_hidden{": 0,
    }
    for number in range(1, MINERS + 1):
        labels = f'{{downstream_id="{number}",connection_type="Translator",'
        row = f"stratum_pool_connection_@{labels}"
        values |= _row(row, age, now)
        values[row.replace("@", "quotes_created_total")] = quotes
        values[row.replace("@", "ehash_mined_total")] = quotes * EHASH
    return values


def _quotes(age: int) -> int:
    return (age - FIRST_QUOTE) // QUOTE_SECONDS + 1


def _row(family: str, age: int, now: int) -> Values:
    shares = age // SCRAPE_SECONDS * SHARES_PER_SCRAPE
    values = {
        "info": 1.0,
        "hashrate_hashes_per_second": HASHRATE,
        "shares_submitted_total": shares,
        "work_hashes_total": shares * DIFFICULTY * 2**32,
        "connected_timestamp_seconds": now - age,
        "last_share_timestamp_seconds": now,
    }
    return {family.replace("@", name): value for name, value in values.items()}


def scrape(
    data: Path, folder: Path, kind: str, labels: dict[str, str], span: range, rules: list[Path]
) -> None:
    """Write what Prometheus stores over `span`, the series of its rules included."""
    write_samples(_lines(kind, labels, span), data)
    staging = folder / "live"
    staging.mkdir()
    recorder = Recorder(data, staging, program("promtool"), labels, rules)
    recorder.record([Slice(span.start, span.stop, 1)], lambda _: None)
    for block in recorder.blocks:
        block.rename(data / block.name)


def _lines(kind: str, labels: dict[str, str], span: range) -> Iterator[str]:
    common = ",".join(f'{name}="{value}"' for name, value in labels.items())
    exposed = proxy if kind == "proxy" else pool
    scrapes = {now: exposed(now - span.start, now) for now in span}
    for series in sorted(next(iter(scrapes.values()))):
        for now, values in scrapes.items():
            yield f"{series}{common}}} {values[series]!r} {now}\n"
    yield "# EOF\n"
