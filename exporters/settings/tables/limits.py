"""The settings of every bound on what senders may cost."""

from exporters.settings.setting import Setting, seconds, whole_number
from stats_gateway.limits import MAX_ROWS, Limits

MAX_EXPOSED = 125_000
"""Rows of one source on /metrics, so that no single source fills a scrape.

A row has 8 to 20 samples, and the scrape configuration that comes with this project takes 3,000,000
of all sources together: Prometheus drops a scrape with more than that whole.
"""

_BOUNDS = Limits()


def _number(key: str, metavar: str, smallest: int, largest: int, help_: str) -> Setting:
    parse = whole_number(smallest, largest)
    return Setting(f"limits.{key}", metavar, parse, help_, default=getattr(_BOUNDS, key))


def _seconds(key: str, help_: str) -> Setting:
    return Setting(f"limits.{key}", "SECONDS", seconds, help_, default=getattr(_BOUNDS, key))


LIMITS = (
    Setting(
        *("limits.max_downstreams_exposed", "N", whole_number(1, MAX_ROWS)),
        help="expose only the N rows of each source with the highest hashrate; totals stay exact",
        default=MAX_EXPOSED,
    ),
    _number("max_rows", "N", 1, MAX_ROWS, "most rows in one snapshot"),
    _number("max_total_rows", "N", 1, 1 << 40, "most rows kept for all sources together"),
    _number("max_connections", "N", 1, 65536, "most senders connected at once"),
    _number("max_sources", "N", 1, 65536, "most sources remembered, those that are down included"),
    _number(
        *("max_sources_per_address", "N", 1, 65536),
        help_="most sources remembered whose names came from one address",
    ),
    _number(
        *("max_message_bytes", "BYTES", 1024, _BOUNDS.max_message_bytes),
        help_="largest size of one message, which is a frame or a line",
    ),
    _number(
        *("max_buffered_bytes", "BYTES", 1 << 20, 1 << 40),
        help_="most bytes buffered for unfinished or undecoded messages, all senders together",
    ),
    _number(
        *("max_refusals_in_row", "N", 1, 65536),
        help_="number of refused messages in a row after which a connection is closed",
    ),
    _seconds("frame_seconds", "longest time from the first byte of a message to its last byte"),
    _seconds("silent_seconds", "time without any message after which a connection is closed"),
    _seconds("handshake_seconds", "longest time that a sender's TLS handshake may take"),
)
