"""What a feed tells of itself, read from what it really exposes."""

from collections.abc import Mapping
from functools import cache, partial

from prometheus_client.parser import text_string_to_metric_families

from stats_feed.health import Health
from stats_feed.tap.books.counts import Counts
from stats_feed.tap.books.families import families as tap_families
from stats_gateway.sender import StatsHandle


@cache
def feed_families() -> Mapping[str, frozenset[str]]:
    """The series of a feed, those of a tap among them, by name, each with its labels."""
    health = Health("1")
    source = health.add_source("s")
    source.succeeded(1.0, 1.0)
    source.failed("unreachable")
    source.last_change = 1.0
    health.add_gateway("s", ("127.0.0.1", 1), StatsHandle(("127.0.0.1", 1), source="s"))
    health.add_families(partial(tap_families, Counts(), source="s", upstreams=["pool:3333"]))
    families = text_string_to_metric_families(health.exposition())
    return {s.name: frozenset(s.labels) for family in families for s in family.samples}
