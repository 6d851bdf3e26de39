"""Text that peers choose (names, addresses), made safe to show.

Quotes, backslashes and the like are left alone: whoever writes a format escapes them. What no
format can carry or no terminal should see (control characters, lone surrogates) becomes U+FFFD.
"""

import re
from collections.abc import Sequence

REDACTED = "REDACTED"
"""What the translator writes for every address when it redacts."""

_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_PRINTABLE = bytes(range(0x20, 0x7F))


def clean(text: str, max_bytes: int) -> str:
    """`text` without unshowable characters, cut to `max_bytes` of UTF-8 at a character boundary."""
    if not text.isprintable():
        text = _UNSHOWABLE.sub(_REPLACEMENT, text)
    return cut(text, max_bytes)


def cut(text: str, max_bytes: int) -> str:
    """The longest beginning of `text` that takes at most `max_bytes` of UTF-8."""
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode()
    return text if len(encoded) <= max_bytes else encoded[:max_bytes].decode(errors="ignore")


def is_clean(texts: Sequence[str], max_bytes: int) -> bool:
    """Whether `clean` would leave every one of `texts` as it is; fast, and wary of non-ASCII."""
    joined = " ".join(texts)
    if not joined.isascii() or joined.encode().translate(None, _PRINTABLE):
        return False
    return max(map(len, texts), default=0) <= max_bytes


def known_address(address: str | None) -> str | None:
    """`address`, or None where the sender redacts or does not know it."""
    return None if address in (None, "", REDACTED) else address
