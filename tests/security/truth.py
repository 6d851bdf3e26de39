"""The truth of a good sender: generations of rows, each of which says its generation."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.e2e.harness.rows import NOON, connection, connection_snapshot, miner, miner_snapshot
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import Kind
from tests.e2e.harness.wire import Message

HASHRATES: Mapping[Kind, str] = {
    "proxy": "stratum_proxy_miner_hashrate_hashes_per_second",
    "pool": "stratum_pool_connection_hashrate_hashes_per_second",
}
INFOS: Mapping[Kind, str] = {
    "proxy": "stratum_proxy_miner_info",
    "pool": "stratum_pool_connection_info",
}
COUNTS: Mapping[Kind, tuple[str, Mapping[str, str]]] = {
    "proxy": ("stratum_proxy_miners", {"state": "active"}),
    "pool": ("stratum_pool_connections", {"connection_type": "Mint"}),
}
"""The total of each service that counts all rows of such a sender."""

MOST_ROWS = 400
"""Of one generation: more than what is decoded on the event loop."""


@dataclass
class Truth:
    """The rows that a sender has told of, one generation after the other."""

    kind: Kind = "proxy"
    generation: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    clock: int = NOON

    def next(self, rng: random.Random) -> Message:
        """A new generation, as a snapshot."""
        size = rng.randint(1, MOST_ROWS)
        generation = self.generation + 1
        names = [f"g{generation}-{row}" for row in range(size)]
        rate = float(generation)
        self.sizes[generation] = size
        self.generation = generation
        if self.kind == "pool":
            rows = [connection(n, "Mint", name=name, hashrate=rate) for n, name in enumerate(names)]
            return connection_snapshot(rows, self.clock)
        return miner_snapshot(
            [miner(n, name, hashrate=rate) for n, name in enumerate(names)], self.clock
        )


class Whole:
    """Holds the rows of a source in each scrape against the truth.

    They are one generation that was sent, all of its rows, each once; and no scrape shows an older
    generation than the scrape before.
    """

    def __init__(self, truth: Truth, source: str) -> None:
        self._truth = truth
        self._source = source
        self._newest = 0
        self.generation = 0
        """That of the last scrape; 0 where the source had no rows in it."""

    def __call__(self, scrape: Scrape) -> None:
        kind = self._truth.kind
        rows = scrape.find(HASHRATES[kind], source=self._source)
        generations = {int(row.value) for row in rows}
        assert len(generations) <= 1, generations
        self.generation = generations.pop() if rows else 0
        if not rows:
            return
        assert len(rows) == self._truth.sizes[self.generation]
        names = {row.labels["name"] for row in scrape.find(INFOS[kind], source=self._source)}
        assert names == {f"g{self.generation}-{row}" for row in range(len(rows))}
        total, labels = COUNTS[kind]
        assert scrape.value(total, source=self._source, **labels) == len(rows)
        assert scrape.value("stats_gateway_downstreams", source=self._source) == len(rows)
        assert self.generation >= self._newest
        self._newest = self.generation
