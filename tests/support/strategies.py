"""Messages of all kinds, as hypothesis draws them."""

import math

from hypothesis import strategies as st

from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from tests.support.snapshots import (
    NOW,
    PAYLOADS,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
    service_snapshot,
    status_miner,
    status_proxy,
    translator_status,
    window,
)

texts = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    ["", 'a"b', "a\\b", "a\nb", "\\", '"', "50%", "%s %d", "{a}", "x" * 300, "矿机", "REDACTED"]
)
counts = st.integers(0, 2**64 - 1)
reals = st.floats() | st.none()
times = st.integers(-(2**63), 2**63 - 1)
reasons = st.sampled_from(["stale", "duplicate", "low_difficulty", "unauthorized", "other"]) | texts
rejects = st.none() | st.dictionaries(reasons, counts, max_size=4)
optional = {
    "hashrate": reals,
    "shares_submitted": st.none() | counts,
    "connected_at": st.none() | times,
    "agent": st.none() | texts,
    "shares_rejected": st.none() | counts,
    "shares_rejected_by": rejects,
    "work": reals,
    "last_share_at": st.none() | times,
    "address": st.none() | texts,
}
miners = st.fixed_dictionaries(
    {
        "downstream_id": st.integers(0, 4),
        "name": texts,
    },
    optional=optional
    | {
        "difficulty": reals,
        "device": st.none()
        | st.fixed_dictionaries(
            {}, optional={"hashrate": reals, "power": reals, "temperature": reals}
        ),
    },
)
connections = st.fixed_dictionaries(
    {
        "downstream_id": st.integers(0, 4),
        "connection_type": st.sampled_from(["Translator", "Mint", "Job Declarator", "Miner", "?"]),
        "channels": st.lists(st.integers(0, 9), max_size=3),
    },
    optional=optional
    | {
        "name": st.none() | texts,
        "quotes_created": st.none() | counts,
        "ehash_mined": st.none() | counts,
        "work_selection": st.none() | st.booleans(),
    },
)
windows = st.builds(
    window,
    st.integers(0, 4),
    shares_lifetime=counts,
    sum_difficulty_in_window=reals,
    name=texts,
)


def of_rows(rows: st.SearchStrategy[Fields]) -> st.SearchStrategy[list[Fields]]:
    return st.lists(rows, max_size=4)


wallets = st.fixed_dictionaries({"balance": counts}, optional={"quotes_created": counts})
upstreams = st.fixed_dictionaries(
    {"address": texts}, optional={"connected": st.booleans(), "network": texts}
)
totals = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "shares_submitted": counts,
        "shares_rejected": counts,
        "shares_rejected_by": rejects,
        "work": reals,
    },
)
any_message: dict[Service, st.SearchStrategy[Fields]] = {
    Service.PROXY: st.builds(
        lambda rows, **fields: miner_snapshot(*rows, **fields),
        of_rows(miners),
        wallet=st.none() | wallets,
        upstream=st.none() | upstreams,
        totals=totals,
    )
    | st.builds(lambda rows: service_snapshot(*rows), of_rows(windows)),
    Service.POOL: st.builds(
        lambda rows, **fields: connection_snapshot(*rows, **fields),
        of_rows(connections),
        listen_address=st.none() | texts,
        totals=totals,
    )
    | st.builds(lambda rows: service_snapshot(*rows, service_type="Pool"), of_rows(windows)),
}
few_miners = st.builds(
    lambda id_, name, address, hashrate, shares: miner(
        id_, name=name, address=address, hashrate=hashrate, shares_submitted=shares
    ),
    st.integers(0, 3),
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "h:1"]),
    st.sampled_from([0.0, 1.0, math.nan]),
    st.integers(0, 2),
)
few_connections = st.builds(
    lambda id_, kind, work: connection(id_, connection_type=kind, work=work),
    st.integers(0, 3),
    st.sampled_from(["Mint", "Translator"]),
    st.sampled_from([None, 1.0]),
)
similar_message: dict[Service, st.SearchStrategy[Fields]] = {
    Service.PROXY: st.builds(lambda rows: miner_snapshot(*rows), of_rows(few_miners))
    | st.builds(lambda rows: service_snapshot(*rows), of_rows(windows)),
    Service.POOL: st.builds(lambda rows: connection_snapshot(*rows), of_rows(few_connections)),
}


REJECTED_BY = {"stale": 3, "duplicate": 1, "low_difficulty": 2, "job-not-found": 4}
EVERY_OPTION: Fields = {
    "shares_rejected": 10,
    "shares_rejected_by": REJECTED_BY,
    "work": 2.5,
    "last_share_at": NOW,
    "agent": "cgminer/4.11.1",
}
DEVICE = {"hashrate": 1.4e14, "power": 3400.0, "temperature": 61.5}
TOTALS = {
    "shares_submitted": 900,
    "shares_rejected": 10,
    "shares_rejected_by": REJECTED_BY,
    "work": 512.0,
}
GOOD: dict[Service, list[Fields]] = {
    Service.PROXY: [
        miner_snapshot(
            miner(1, **EVERY_OPTION, difficulty=512.0, device=DEVICE),
            miner(2, address=None),
            wallet={"balance": 5, "quotes_created": 1, "quotes_amount": 3},
            upstream={"address": "pool:34254", "connected": True, "network": "testnet4"},
            totals=TOTALS,
        ),
        translator_status(status_miner(1), status_miner(2)),
        service_snapshot(window(1), window(2)),
        {"BalanceUpdate": {"balance": 5, "timestamp": NOW}},
        {"QuoteCreated": {"downstream_id": 1, "amount": 7, "timestamp": NOW}},
    ],
    Service.POOL: [
        connection_snapshot(
            connection(1, name="n", address="a", work_selection=True, **EVERY_OPTION),
            connection(2, connection_type="Mint", quotes_created=1, ehash_mined=2),
            listen_address="0.0.0.0:34254",
            totals=TOTALS,
        ),
        pool_status(status_proxy(1), status_proxy(2, work_selection=True)),
        service_snapshot(window(1), service_type="Pool"),
        {"listen_address": "127.0.0.1:34264", "timestamp": NOW},
    ],
}
"""Messages of every kind that a service takes."""


@st.composite
def damaged(draw: st.DrawFn, message: Fields, encoding: Encoding) -> bytes:
    """The bytes of `message` with a few of them replaced, added or taken away."""
    payload = bytearray(PAYLOADS[encoding](message))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(payload)))
        payload[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(payload)
