"""This module reads `/metrics` of SRI's programs and of hashpool's pool, line by line.

hashpool's pool mixes the lines of its families, which the text format forbids; so a line counts by
itself, and a line that cannot be read is passed over.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from stats_feed.sri.api.answers import (
    MAX_ID,
    MAX_TIME,
    Channel,
    Client,
    Count,
    Key,
    count_of,
    number_of,
    reason_of,
)

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")

_HASHPOOL = "hashpool_pool_"

Sample = tuple[str, dict[str, str], float]


def is_hashpool_pool(text: str) -> bool:
    """Tell whether hashpool's pool wrote this."""
    return _HASHPOOL in text


def channels_by_client(text: str) -> dict[int, tuple[Channel, ...]]:
    """Return every channel of every client, from the families of SRI's pool and JD client."""
    counts: dict[tuple[int, int], dict[Key, float]] = {}
    about: dict[tuple[int, int], tuple[str, float | None]] = {}
    for family, labels, value in _samples(text):
        client, channel = _id(labels, "client_id"), _id(labels, "channel_id")
        if client is None or channel is None:
            continue
        key = (client, channel)
        match family:
            case "sv2_client_channel_hashrate":
                about[key] = (labels.get("user_identity", ""), number_of(value))
            case "sv2_client_shares_accepted_total":
                about.setdefault(key, (labels.get("user_identity", ""), None))
                counts.setdefault(key, {})[Count.ACCEPTED] = value
            case "sv2_client_shares_rejected_total":
                known = counts.setdefault(key, {})
                reason = reason_of(labels.get("error_code", ""))
                for count in (Count.REJECTED, reason):
                    known[count] = known.get(count, 0) + value
            case "sv2_client_channel_share_work_total":
                counts.setdefault(key, {})[Count.WORK] = value
    found: dict[int, list[Channel]] = {}
    for (client, channel), (name, hashrate) in about.items():
        row = Channel(
            channel_id=channel,
            extranonce="",
            name=name,
            hashrate=hashrate,
            difficulty=None,
            counts=counts.get((client, channel), {}),
        )
        found.setdefault(client, []).append(row)
    return {client: tuple(channels) for client, channels in found.items()}


def hashpool_clients(text: str) -> tuple[Client, ...]:
    """Return the connections of hashpool's pool, each with one channel that stands for its sums."""
    clients: dict[int, Client] = {}
    sums: dict[int, tuple[float | None, float | None]] = {}
    for family, labels, value in _samples(text):
        id_ = _id(labels, "downstream_id")
        if id_ is None or not family.startswith(f"{_HASHPOOL}downstream_"):
            continue
        client = clients.setdefault(id_, Client(client_id=id_))
        shares, hashrate = sums.get(id_, (None, None))
        match family.removeprefix(f"{_HASHPOOL}downstream_"):
            case "info":
                clients[id_] = replace(
                    client,
                    address=labels.get("address") or None,
                    work_selection=labels.get("work_selection") == "true",
                )
            case "shares_total":
                sums[id_] = (value, hashrate)
            case "hashrate_hs":
                sums[id_] = (shares, number_of(value))
            case "quotes_total":
                clients[id_] = replace(client, quotes=count_of(int(value)))
            case "ehash_mined_total":
                clients[id_] = replace(client, ehash=count_of(int(value)))
            case "last_share_at_seconds":
                # 0 says that there was no share yet.
                clients[id_] = replace(client, last_share_at=count_of(int(value), MAX_TIME) or None)
    return tuple(
        replace(client, channels=(_sum_channel(*sums[id_]),)) if id_ in sums else client
        for id_, client in sorted(clients.items())
    )


def hashpool_listen_address(text: str) -> str | None:
    """Return the address that hashpool's pool listens on."""
    for family, labels, _ in _samples(text):
        if family == f"{_HASHPOOL}info":
            return labels.get("listen_address") or None
    return None


def _sum_channel(shares: float | None, hashrate: float | None) -> Channel:
    return Channel(
        channel_id=0,
        extranonce="",
        name="",
        hashrate=hashrate,
        difficulty=None,
        counts={} if shares is None else {Count.ACCEPTED: shares},
    )


def _samples(text: str) -> Iterator[Sample]:
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found is None:
            continue
        try:
            value = number_of(float(found[3]))
        except ValueError:
            continue
        if value is not None:
            yield found[1], _labels(found[2] or ""), value


def _labels(text: str) -> dict[str, str]:
    return {
        found[1]: _ESCAPED.sub(lambda one: "\n" if one[1] == "n" else one[1], found[2])
        if "\\" in found[2]
        else found[2]
        for found in _LABEL.finditer(text)
    }


def _id(labels: Mapping[str, str], name: str) -> int | None:
    text = labels.get(name, "")
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))
    return count_of(int(text), MAX_ID) if fits else None
