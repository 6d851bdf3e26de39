"""The settings of every bound, with the defaults of the bounds themselves."""

from exporters.settings.limits import WebLimits
from exporters.settings.setting import Setting, seconds, whole_number
from stats_gateway.limits import MAX_ROWS, Limits

_INGEST = Limits()
_WEB = WebLimits()


def _count(key: str, metavar: str, help_: str, largest: int) -> Setting:
    default = getattr(_INGEST, key)
    return Setting(
        table="limits",
        key=key,
        metavar=metavar,
        help=help_,
        parse=whole_number(1, largest),
        default=default,
    )


def _seconds(table: str, key: str, help_: str, default: float) -> Setting:
    return Setting(
        table=table, key=key, metavar="SECONDS", help=help_, parse=seconds, default=default
    )


INGEST_LIMITS = (
    Setting(
        table="limits",
        key="max_downstreams_exposed",
        metavar="N",
        help="expose rows only for the N of each source with the highest hashrate; "
        "totals stay exact",
        parse=whole_number(1, MAX_ROWS),
    ),
    Setting(
        table="limits",
        key="max_message_bytes",
        metavar="BYTES",
        help="largest frame or line",
        parse=whole_number(1024, _INGEST.max_message_bytes),
        default=_INGEST.max_message_bytes,
    ),
    Setting(
        table="limits",
        key="max_buffered_bytes",
        metavar="BYTES",
        help="most of messages that are unfinished or wait to be decoded, of all senders together",
        parse=whole_number(1 << 20, 1 << 40),
        default=_INGEST.max_buffered_bytes,
    ),
    _count("max_rows", "N", "most rows in one snapshot", MAX_ROWS),
    _count("max_total_rows", "N", "most rows of all sources together", 1 << 40),
    _count("max_connections", "N", "most senders connected at once", 65536),
    _count("max_sources", "N", "most sources remembered, those that are down included", 65536),
    _count("max_sources_per_address", "N", "most sources remembered that one address named", 65536),
    _count(
        "max_refusals_in_row",
        "N",
        "close a connection after this many bad messages in a row",
        65536,
    ),
    _seconds(
        "limits",
        "frame_seconds",
        "longest a message may take from its first byte to its last",
        _INGEST.frame_seconds,
    ),
    _seconds(
        "limits",
        "silent_seconds",
        "close a connection that sends no message for this long",
        _INGEST.silent_seconds,
    ),
    _seconds(
        "limits",
        "handshake_seconds",
        "longest a sender's TLS handshake may take",
        _INGEST.handshake_seconds,
    ),
)

WEB_LIMITS = (
    Setting(
        table="web",
        key="max_requests",
        metavar="N",
        help="answer at most this many requests at once, and others with 503",
        parse=whole_number(1, 65536),
        default=_WEB.max_requests,
    ),
    Setting(
        table="web",
        key="max_connections",
        metavar="N",
        help="most HTTP connections open at once",
        parse=whole_number(1, 65536),
        default=_WEB.max_connections,
    ),
    _seconds(
        "web",
        "request_seconds",
        "longest a request's header, or a TLS handshake, may take to arrive",
        _WEB.request_seconds,
    ),
    _seconds(
        "web",
        "response_seconds",
        "longest an answer may take, sending it included",
        _WEB.response_seconds,
    ),
)
