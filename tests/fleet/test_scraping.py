"""VictoriaMetrics and vmagent scrape more than they accept as they come."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import connected
from tests.fleet.shipped import FOLDER, loaded, store
from tests.support.ports import free_ports
from tests.support.programs import program
from tests.support.servers import LOOPBACK, asked, running
from tests.support.until import until

pytestmark = pytest.mark.slow

MINERS = 20_000
ACCEPTED = 16 << 20
"""Bytes of a body, unless the flag says otherwise."""

SCRAPE = FOLDER / "scrape.yml"
(FLAG,) = re.findall(r"^#   (-promscrape\.maxScrapeSize=\S+)$", SCRAPE.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def crowded() -> Iterator[Service]:
    """A service with more miners than a body of 16 MiB holds."""
    with Service("proxy") as proxy, connected(proxy.ingest) as sender:
        sender.hello("translator", 600.0)
        sender.say(miner_snapshot(miners(*(f"rig-{number:0>100}" for number in range(MINERS)))))
        until(lambda: proxy.downstreams() == {"translator": MINERS})
        until(lambda: len(proxy.get("/metrics").body) > ACCEPTED)
        yield proxy


def test_a_body_over_sixteen_mebibytes_is_scraped_with_the_flag(
    crowded: Service, tmp_path: Path
) -> None:
    file = configuration(crowded, tmp_path)
    uncompressed = configuration(crowded, tmp_path, disable_compression=True)
    plain, with_flag, agent = free_ports(3)
    folders = [tmp_path / name for name in ("plain", "with-flag", "agent")]
    for folder in folders:
        folder.mkdir()
    # The oldest version counts the bytes that travel, newer ones those after decompression.
    as_it_comes = f"-promscrape.config={uncompressed}"
    scraping = f"-promscrape.config={file}"
    agents = [program("vmagent"), scraping, FLAG, f"-httpListenAddr={LOOPBACK}:{agent}"]
    agents += [f"-remoteWrite.url=http://{LOOPBACK}:{plain}/api/v1/write"]
    agents += [f"-remoteWrite.tmpDataPath={folders[2]}", "-remoteWrite.label=by=vmagent"]
    with (
        running([*store(folders[0], plain), as_it_comes], folders[0] / "log", plain),
        running([*store(folders[1], with_flag), scraping, FLAG], folders[1] / "log", with_flag),
        running(agents, folders[2] / "log"),
    ):
        until(lambda: value(with_flag, "count(stratum_proxy_miner_info)") == MINERS)
        until(lambda: value(plain, 'count(stratum_proxy_miner_info{by="vmagent"})') == MINERS)
        assert value(with_flag, 'up{job="stats-proxy"}') == 1
        refused = 'up{job="stats-proxy", by=""}'
        until(lambda: value(plain, refused) == 0, what="a scrape that is refused without the flag")
        assert value(plain, 'count(stratum_proxy_miner_info{by=""})') is None


def configuration(service: Service, folder: Path, **changed: bool) -> Path:
    """What is shipped, with the service as the only target."""
    shipped = loaded(SCRAPE)
    job, *_ = shipped["scrape_configs"]
    job["static_configs"] = [{"targets": [f"{LOOPBACK}:{service.web}"]}]
    file = folder / f"scrape{len(changed)}.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job | changed]}))
    return file


def value(port: int, expression: str) -> float | None:
    """The one value of an expression; None where there is none."""
    found = asked(port, "query", query=expression)["result"]
    return float(found[0]["value"][1]) if found else None
