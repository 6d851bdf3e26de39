"""Reads an input of the corpus `ingest` as the bytes of a connection.

Its first byte has two flags: 1 for stats-proxy (else stats-pool), and 2 where the rest is payloads
with `BETWEEN` between them. Its second byte, plus one, is how many bytes arrive at once.
"""

BETWEEN = b"\xff\xfe\xfd"
"""Parts an input into the payloads of frames, since a fuzzer seldom guesses a right length."""


def is_for_proxy(data: bytes) -> bool:
    """Whether stats-proxy gets it."""
    return bool(data[0] & 1)


def stream_of(data: bytes) -> bytes:
    """The bytes of the connection.

    For example, `b"\\x03\\x00" + b"\\x80" + BETWEEN + b"\\x81"` gives two frames of one byte each.
    """
    stream = data[2:]
    if not data[0] & 2:
        return stream
    return b"".join(len(one).to_bytes(4, "big") + one for one in stream.split(BETWEEN))
