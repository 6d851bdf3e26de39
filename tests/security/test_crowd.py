"""Three hundred peers that send without end keep nobody from a scrape or from being seen.

Scrapes and snapshots that took 10 to 30 s and more in such a crowd take less than one and a few
seconds. The limits here are far from that, since the machine of a test may be slow.
"""

from functools import partial
from pathlib import Path

import pytest

from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import GZIP, Service, client
from tests.e2e.harness.wire import connected
from tests.security.crowd import SENT, crowd
from tests.support.until import until

pytestmark = pytest.mark.slow

PEERS = 300
VISIBLE_SECONDS = 60.0
SNAPSHOTS = 3


@pytest.mark.parametrize("kind", SENT)
def test_a_crowd_keeps_neither_a_scrape_nor_a_snapshot_of_others(kind: str) -> None:
    with Service("proxy") as proxy:
        see_all_snapshots(proxy, kind)
        assert proxy.errors() == []


def test_a_crowd_without_the_token_that_is_required_is_refused_and_counted(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("secret\n")
    tokens.chmod(0o600)
    with Service("proxy", f"--ingest.token-file={tokens}") as proxy:
        see_all_snapshots(proxy, "blank lines", token="secret")
        refused = proxy.scrape().value(
            "stats_gateway_connections_refused_total", reason="bad_token"
        )
        assert refused is not None
        assert refused >= PEERS


def see_all_snapshots(proxy: Service, kind: str, token: str | None = None) -> None:
    """Each snapshot of a good sender is seen in a scrape, while the crowd is at it."""
    with connected(proxy.ingest) as good, client(proxy.web) as scraper:
        good.hello("good", token=token)
        with crowd(kind, proxy.ingest, PEERS):
            for number in range(SNAPSHOTS):
                name = f"generation-{number}"
                good.say(miner_snapshot(miners(name)))
                until(partial(shows, proxy, name), VISIBLE_SECONDS, name)
                assert scraper.get("/-/healthy").status == 200
            assert scraper.get("/metrics", GZIP).status == 200


def shows(proxy: Service, name: str) -> bool:
    """Whether the good sender's only miner has that name.

    Only its source is asked for: to parse the rows of the whole crowd would take most of the time.
    """
    return proxy.scrape(path="/metrics?source=good").names() == [name]
