"""This module reads the JSON answers of the monitoring API, of all three versions in the field.

Every field is optional and unknown fields are ignored: the versions renamed fields and changed
their types. A value that is null, missing or of another type is not known, and stays so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stats_feed.polling import Failure, ReadError
from stats_gateway.sender import DeviceInfo, RejectReason

MAX_ID = 2**32 - 1
MAX_COUNT = 2**64 - 1
MAX_TIME = 2**62

MAX_NUMBER = 2.0**224
"""The difficulty of the hardest target that there is. Sums of such numbers stay finite."""

MAX_TARGET = 0xFFFF << 208
"""The target of difficulty 1. A target of half of it is difficulty 2."""

TARGET_DIGITS = 64
"""A target is 256 bits in hexadecimal digits, the most significant first."""


class Count(StrEnum):
    """What the API counts of a channel, besides the reasons of refused shares.

    These names and the reasons' are keys of one mapping, so no two of them may be the same.
    """

    ACCEPTED = "accepted"
    SENT = "sent"
    """Shares that a translator sent upstream, refused ones included."""
    REJECTED = "rejected"
    WORK = "work"
    """The sum of the accepted shares' difficulties."""


Key = Count | RejectReason
Counts = Mapping[Key, float]
"""The numbers of one channel that are known; what is not known is absent."""

REASONS = {
    "stale-share": RejectReason.STALE,
    "invalid-job-id": RejectReason.STALE,  # the job was retired before the share came
    "duplicate-share": RejectReason.DUPLICATE,
    "difficulty-too-low": RejectReason.LOW_DIFFICULTY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What `/api/v1/global` tells: which parts this program has, and since when it runs."""

    has_server: bool
    has_clients: bool
    has_miners: bool
    uptime: int | None
    network: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sv1Miner:
    """One miner of a translator; the last three are told by hashpool's alone."""

    client_id: int
    channel_id: int | None
    extranonce: str
    name: str
    address: str | None
    hashrate: float | None
    difficulty: float | None
    device: DeviceInfo | None
    shares: int | None
    connected_at: int | None
    hashrate_5min: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel, towards an upstream or of a client."""

    channel_id: int
    extranonce: str
    name: str
    hashrate: float | None
    difficulty: float | None
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client of a pool or a JD client; the last five are told by hashpool's pool alone."""

    client_id: int
    kind: str = "unknown"
    channels: tuple[Channel, ...] = ()
    address: str | None = None
    work_selection: bool | None = None
    quotes: int | None = None
    ehash: int | None = None
    last_share_at: int | None = None


def object_of(body: bytes) -> dict[str, object]:
    """Return the JSON object in `body`. Raises ReadError."""
    try:
        value = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise ReadError(Failure.MALFORMED, f"the answer is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ReadError(Failure.MALFORMED, "the answer is no JSON object")
    return value


def count_of(value: object, most: int = MAX_COUNT) -> int | None:
    """Return a whole number from 0 to `most`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value


def number_of(value: object) -> float | None:
    """Return a number from 0 to `MAX_NUMBER`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A sum over nothing is -0.0 at these programs.
    return abs(float(value)) if 0 <= value <= MAX_NUMBER else None


def text_of(value: object) -> str:
    """Return a text; the empty text for anything else."""
    return value if isinstance(value, str) else ""


def reason_of(code: str) -> RejectReason:
    """Return the reason that an error code of Stratum V2 stands for: `stale-share`, stale."""
    return REASONS.get(code, RejectReason.OTHER)


def overview_of(answer: Mapping[str, object]) -> Overview:
    """Return what `/api/v1/global` says."""
    return Overview(
        has_server=answer.get("server") is not None,
        has_clients=answer.get("sv2_clients") is not None,
        has_miners=answer.get("sv1_clients") is not None,
        uptime=count_of(answer.get("uptime_secs")),
        network=text_of(answer.get("network")) or None,
    )


def sv1_miner_of(item: Mapping[str, object]) -> Sv1Miner | None:
    """Return a row of `/api/v1/sv1/clients`; None where it has no id."""
    client_id = count_of(item.get("client_id"), MAX_ID)
    if client_id is None:
        return None
    names = (item.get(key) for key in ("sv1_username", "authorized_worker_name", "user_identity"))
    return Sv1Miner(
        client_id=client_id,
        channel_id=count_of(item.get("channel_id"), MAX_ID),
        extranonce=text_of(item.get("extranonce1_hex")).lower(),
        name=next(filter(None, map(text_of, names)), ""),
        address=text_of(item.get("connection_ip")) or text_of(item.get("peer_address")) or None,
        hashrate=number_of(item.get("hashrate")),
        difficulty=_difficulty(item.get("target_hex")),
        device=_device(item),
        shares=count_of(item.get("shares_submitted")),
        connected_at=count_of(item.get("connected_at_secs"), MAX_TIME),
        hashrate_5min=number_of(item.get("hashrate_5min")),
    )


def client_of(item: Mapping[str, object]) -> Client | None:
    """Return a row of `/api/v1/clients`, without its channels; None where it has no id."""
    client_id = count_of(item.get("client_id"), MAX_ID)
    if client_id is None:
        return None
    return Client(client_id=client_id, kind=text_of(item.get("client_kind")) or "unknown")


def channel_of(item: Mapping[str, object]) -> Channel | None:
    """Return a row of a channel list; None where it has no id."""
    channel_id = count_of(item.get("channel_id"), MAX_ID)
    if channel_id is None:
        return None
    return Channel(
        channel_id=channel_id,
        extranonce=text_of(item.get("extranonce_prefix_hex")).lower(),
        name=text_of(item.get("user_identity")),
        hashrate=number_of(item.get("nominal_hashrate")),
        difficulty=_difficulty(item.get("target_hex")),
        counts=_counts(item),
    )


def _counts(item: Mapping[str, object]) -> Counts:
    counts: dict[Key, float] = {}
    rejected, by_reason = _rejects(item)
    sent = count_of(item.get("shares_submitted"))
    accepted = count_of(item.get("shares_accepted"))
    if accepted is None and sent is not None:
        counts[Count.SENT] = sent
        accepted = max(sent - (rejected or 0), 0)
    if accepted is None:
        accepted = count_of(item.get("shares_acknowledged"))
    # A translator's `share_work_sum` and `acknowledged_work_sum` are in the upstream's own unit.
    is_upstream = sent is not None or "shares_acknowledged" in item
    work = number_of(item.get("validated_work_sum" if is_upstream else "share_work_sum"))
    numbers = {Count.ACCEPTED: accepted, Count.REJECTED: rejected, Count.WORK: work}
    counts |= {key: value for key, value in numbers.items() if value is not None}
    return counts | by_reason


def _rejects(item: Mapping[str, object]) -> tuple[int | None, dict[RejectReason, int]]:
    """Return how many shares were refused, and for what. In spring 2026 the number was the map."""
    rejected = item.get("shares_rejected")
    codes = rejected if isinstance(rejected, dict) else item.get("shares_rejected_by_reason")
    if not isinstance(codes, dict):
        return count_of(rejected), {}
    by_reason = dict.fromkeys(RejectReason, 0)
    for code, value in codes.items():
        by_reason[reason_of(code)] += count_of(value) or 0
    total = count_of(rejected)
    return sum(by_reason.values()) if total is None else total, by_reason


def _difficulty(target: object) -> float | None:
    """Return the difficulty of a target: `"00000000ffff0000…"` is 1."""
    text = text_of(target)
    if len(text) != TARGET_DIGITS:
        return None
    try:
        number = int(text, 16)
    except ValueError:
        return None
    return MAX_TARGET / number if number > 0 else None


def _device(item: Mapping[str, object]) -> DeviceInfo | None:
    """Return what the device itself reports, where the translator is sure which device it is."""
    telemetry = item.get("miner_telemetry")
    sure = item.get("miner_telemetry_status") in (None, "matched")
    if not sure or not isinstance(telemetry, dict):
        return None
    device: DeviceInfo = {}
    if (hashrate := number_of(telemetry.get("reported_hashrate_hs"))) is not None:
        device["hashrate"] = hashrate
    if (power := number_of(telemetry.get("power_consumption_w"))) is not None:
        device["power"] = power
    if (temperature := number_of(telemetry.get("average_temperature_c"))) is not None:
        device["temperature"] = temperature
    return device or None
