"""A second chance for what common encoders write although the formats do not allow it.

Python's `json` writes NaN and Infinity, and escapes lone surrogates; a MessagePack writer may put
invalid UTF-8 in a string. One such miner name or hashrate must not cost a sender its snapshot.
Repair is slow, so it is tried only once decoding has failed, and only on messages of bounded size.
"""

import re

import msgpack
import msgspec

from stats_gateway.limits import MAX_ROWS

_ESCAPE = re.compile(
    rb"\\(?:u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|u(?P<lone>d[89a-f][0-9a-f]{2})|.)",
    re.IGNORECASE | re.DOTALL,
)
# Possessive, and with a closing quote that may be missing, so that no quote is looked at twice: a
# peer can send a megabyte of them.
_NO_NUMBER = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|(?P<no_number>NaN|-?Infinity)', re.DOTALL)


def repair_json(payload: bytes | bytearray) -> bytes:
    """`payload` with no-numbers as null, and lone surrogates and invalid UTF-8 as U+FFFD."""
    text = payload.decode(errors="replace").encode()
    text = _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], text)
    return _NO_NUMBER.sub(lambda match: b"null" if match["no_number"] else match[0], text)


def repair_msgpack(payload: bytes | bytearray) -> bytes:
    """`payload` with invalid UTF-8 in strings as U+FFFD.

    Raises ValueError or RecursionError when it is no MessagePack, and TypeError for what no message
    has: maps as keys of maps, points in time.
    """
    value = msgpack.unpackb(
        payload, unicode_errors="replace", strict_map_key=False, max_array_len=MAX_ROWS
    )
    return msgspec.msgpack.encode(value)
