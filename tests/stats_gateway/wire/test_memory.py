"""What the worst message of each kind takes in memory, as a multiple of its bytes."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgpack
import pytest

from stats_gateway.limits import MAX_CHANNELS, MAX_REPAIR_JSON_BYTES
from stats_gateway.wire.encoding import Encoding
from tests.support.snapshots import (
    PAYLOADS,
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
    service_snapshot,
    status_miner,
    translator_status,
    window,
)

MAX_MULTIPLE = 8
"""Of a message's bytes, these bytes included: the figure that the documentation states."""

MESSAGE_BYTES = 12 << 20

PROCESS_BYTES = 4 << 20
"""What a process takes and gives back on its own."""

MEASURED = """
import sys
from contextlib import suppress
from pathlib import Path
from stats_gateway.errors import MessageRefused
from stats_gateway.wire.encoding import Encoding
from tests.support.senders import content
from tests.support.snapshots import miner, miner_snapshot, packed

def memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024

content(packed(miner_snapshot(miner())))
before = memory("VmRSS")
payload = Path(sys.argv[1]).read_bytes()
kept = None
with suppress(MessageRefused):
    kept = content(payload, encoding=Encoding(sys.argv[2]))
del payload
print(memory("VmHWM") - before, memory("VmRSS") - before)
"""


def filled(item: bytes, size: int = MESSAGE_BYTES) -> bytes:
    """An array of `item` in JSON."""
    return b"[" + b",".join([item] * (size // (len(item) + 1))) + b"]"


def packed_array(item: bytes, size: int = MESSAGE_BYTES) -> bytes:
    """An array of `item` in MessagePack."""
    count = size // len(item)
    return b"\xdd" + count.to_bytes(4, "big") + item * count


def packed_snapshot(rows: bytes, name: bytes = b"MinerSnapshot", key: bytes = b"miners") -> bytes:
    head = b"\x81" + bytes([0xA0 + len(name)]) + name + b"\x82" + bytes([0xA0 + len(key)]) + key
    return head + rows + b"\xa9timestamp\x01"


def json_snapshot(rows: bytes, name: bytes = b"MinerSnapshot", key: bytes = b"miners") -> bytes:
    return b'{"%b":{"%b":%b,"timestamp":1}}' % (name, key, rows)


def many(
    make: Callable[[int], Fields], encoding: Encoding, size: int = MESSAGE_BYTES
) -> list[Fields]:
    one = len(PAYLOADS[encoding](make(99_999)))
    return [make(id_) for id_ in range(size // one)]


def small_miner(id_: int) -> Fields:
    return miner(id_, name="", hashrate=0, shares_submitted=0, connected_at=0, address=None)


def small_window(id_: int) -> Fields:
    return window(
        id_, name=f"{id_}", shares_lifetime=1, sum_difficulty_in_window=1.5, window_seconds=1
    )


def both(message: Callable[[Encoding], Fields]) -> dict[Encoding, Callable[[], bytes]]:
    """The same message in both encodings."""
    return {
        encoding: partial(lambda encoding: PAYLOADS[encoding](message(encoding)), encoding)
        for encoding in Encoding
    }


def bytes_of(
    frames: Callable[[], bytes], line: Callable[[], bytes]
) -> dict[Encoding, Callable[[], bytes]]:
    return {Encoding.FRAMES: frames, Encoding.JSON_LINES: line}


def mixed_name() -> str:
    """A name that takes four bytes for each character in memory, and one on the wire."""
    return "x" * MESSAGE_BYTES + "🚀"


KINDS: dict[str, dict[Encoding, Callable[[], bytes]]] = {
    "unknown keys": both(lambda _: {f"{key:x}": 1 for key in range(MESSAGE_BYTES // 8)}),
    "unknown keys of a row": both(
        lambda _: miner_snapshot(miner(1, **{f"{key:x}": 1 for key in range(MESSAGE_BYTES // 8)}))
    ),
    "empty rows": bytes_of(
        lambda: packed_snapshot(packed_array(b"\x80", 900_000)),
        lambda: json_snapshot(filled(b"{}")),
    ),
    "rows that are empty lists": bytes_of(
        lambda: packed_snapshot(packed_array(b"\x90", 900_000)),
        lambda: json_snapshot(filled(b"[]")),
    ),
    "rows that are numbers": bytes_of(
        lambda: packed_snapshot(packed_array(b"\x01", 900_000)),
        lambda: json_snapshot(filled(b"1")),
    ),
    "empty containers that are ignored": bytes_of(
        lambda: b"\x81\xa1x" + packed_array(b"\x90"),
        lambda: b'{"x":' + filled(b"[]") + b"}",
    ),
    "small rows": both(lambda encoding: miner_snapshot(*many(small_miner, encoding))),
    "rows": both(lambda encoding: miner_snapshot(*many(miner, encoding))),
    "rows of a translator's status": both(
        lambda encoding: translator_status(*many(status_miner, encoding))
    ),
    "windows": both(lambda encoding: service_snapshot(*many(small_window, encoding))),
    "channels": both(
        lambda _: connection_snapshot(
            *(connection(id_, channels=[300] * MAX_CHANNELS) for id_ in range(15))
        )
    ),
    "small channels": both(
        lambda _: connection_snapshot(
            *(connection(id_, channels=[0] * MAX_CHANNELS) for id_ in range(15))
        )
    ),
    "channels beyond the bound": both(
        lambda _: connection_snapshot(
            *(connection(id_, channels=[300] * MAX_CHANNELS) for id_ in range(60))
        )
    ),
    "connections": both(
        lambda encoding: connection_snapshot(
            *many(lambda id_: connection(id_, channels=[1]), encoding)
        )
    ),
    "services": both(
        lambda _: pool_status(services=[{"service_type": "", "address": ""}] * 300_000)
    ),
    "one long name": both(lambda _: miner_snapshot(miner(1, name=mixed_name()))),
    "one long address of an upstream": both(
        lambda _: miner_snapshot(upstream={"address": mixed_name()})
    ),
    "one long type of service": both(lambda _: service_snapshot(service_type=mixed_name())),
    "one long name of a field": both(
        lambda _: {"listen_address": "", "timestamp": 1, mixed_name(): 1}
    ),
    "one long name of a message": both(lambda _: {"type": mixed_name()}),
    "escapes and numbers to repair": bytes_of(
        lambda: packed_snapshot(packed_array(b"\xa1\xff", 200_000)),
        lambda: (
            b'{"x":[NaN,"'
            + b"\\n" * (MAX_REPAIR_JSON_BYTES // 4)
            + b'"'
            + b", NaN" * (MAX_REPAIR_JSON_BYTES // 11)
            + b"]}"
        ),
    ),
    "names to repair": bytes_of(
        lambda: msgpack.packb(
            miner_snapshot(*many(lambda id_: miner(id_, name="\udcff"), Encoding.FRAMES)),
            unicode_errors="surrogateescape",
        ),
        lambda: PAYLOADS[Encoding.JSON_LINES](
            miner_snapshot(
                *many(
                    lambda id_: miner(id_, name="\udcff"),
                    Encoding.JSON_LINES,
                    MAX_REPAIR_JSON_BYTES - 200_000,
                ),
                hashrate=float("nan"),
            )
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("kind", KINDS)
def test_the_worst_message_of_each_kind_takes_a_few_times_its_bytes(
    kind: str, encoding: Encoding, tmp_path: Path
) -> None:
    payload = tmp_path / "payload"
    payload.write_bytes(KINDS[kind][encoding]())
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(payload), encoding.value],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    peak, steady = map(int, ran.stdout.split())
    bound = MAX_MULTIPLE * payload.stat().st_size + PROCESS_BYTES
    assert peak <= bound
    assert steady <= bound
