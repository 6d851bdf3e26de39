"""A day of a farm that never was, written into a Prometheus before it starts."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.exposition.text_format import escape
from tests.support.blocks import write_samples

SCRAPE_SECONDS = 15
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Session:
    """One miner from one time to another, in seconds since the day began."""

    downstream_id: int
    name: str
    hashrate: float
    start: int
    end: int
    tells_work: bool = True


DECLARED = 0.9
"""What a sender declares of the hashrate that its miners' work shows."""

Samples = dict[str, list[tuple[str, int, float]]]
"""By the name of the series: labels, time and value."""


def write(
    folder: Path, began: int, sources: dict[str, list[Session]], scraped: list[range]
) -> None:
    """Blocks in `folder`/data: each range of seconds is scraped, from two replicas each time."""
    samples: Samples = defaultdict(list)
    for replica in range(2):
        for stretch in scraped:
            for second in range(stretch.start + replica, stretch.stop, SCRAPE_SECONDS):
                for source, sessions in sources.items():
                    _scrape(samples, f'instance="{replica}",source="{source}"', sessions, second)
    write_blocks(folder, samples, began)


def write_blocks(folder: Path, samples: Samples, began: int = 0) -> None:
    """Blocks in `folder`/data with these samples, whose times are seconds since `began`."""
    write_samples(_lines(samples, began), folder / "data")


def _scrape(samples: Samples, labels: str, sessions: list[Session], second: int) -> None:
    there = [one for one in sessions if one.start <= second < one.end]
    total = sum(one.hashrate for one in there) * DECLARED
    samples["stratum_proxy_hashrate_hashes_per_second"].append((labels, second, total))
    samples["stratum_proxy_miners"].append((f'{labels},state="active"', second, len(there)))
    for one in there:
        row = f'{labels},downstream_id="{one.downstream_id}",name="{escape(one.name)}"'
        age = second - one.start
        values = {
            "hashrate_hashes_per_second": one.hashrate * DECLARED,
            "shares_submitted_total": age // 10,
        }
        if one.tells_work:
            values["work_hashes_total"] = one.hashrate * age
        for family, value in values.items():
            samples[f"stratum_proxy_miner_{family}"].append((row, second, value))


def _lines(samples: Samples, began: int) -> Iterator[str]:
    for family, values in samples.items():
        kind = "counter" if family.endswith("_total") else "gauge"
        yield f"# TYPE {family.removesuffix('_total')} {kind}\n"
        for labels, second, value in values:
            yield f"{family}{{{labels}}} {value!r} {began + second}\n"
    yield "# EOF\n"
