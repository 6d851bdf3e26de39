"""Access decides who may send, and with which `Hello`."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from stats_gateway.errors import ConnectionReason, ConnectionRefused
from stats_gateway.limits import MAX_INTERVAL_SECONDS, MAX_NAME_BYTES
from stats_gateway.store.source_names import is_address_like, is_visible_name
from stats_gateway.wire.messages import Hello


class Access(Protocol):
    """The rules that a listener applies to each peer."""

    @property
    def needs_hello(self) -> bool:
        """Whether a peer may send nothing before it has said `Hello`."""

    def check(self, hello: Hello) -> None:
        """Raise `ConnectionRefused` where the sender of `hello` may not come in or stay."""


class OpenAccess:
    """The rules of a listener that lets everyone send who can reach its port."""

    needs_hello = False

    def check(self, hello: Hello) -> None:
        """Let everyone in."""


@dataclass(frozen=True, slots=True)
class TokenRule:
    """The hash of one token, and the sources that the token is for."""

    digest: bytes
    """SHA-256 of the token: tokens of any length compare in the same time."""
    sources: frozenset[str] | None
    """The names that a sender with the token may have; None where any name will do."""


def token_rule(token: str, sources: Iterable[str]) -> TokenRule:
    """The rule for `token`, which is for `sources`, or for all of them where none is named."""
    return TokenRule(_digest(token), frozenset(sources) or None)


class TokenAccess:
    """The rules of a listener whose senders must show a token; `rules` gives the valid tokens."""

    needs_hello = True

    def __init__(self, rules: Callable[[], tuple[TokenRule, ...]]) -> None:
        self._rules = rules

    def check(self, hello: Hello) -> None:
        """Raise `ConnectionRefused` unless the token is one for the name of the source."""
        if hello.token is None:
            raise ConnectionRefused(ConnectionReason.BAD_TOKEN, "a token is required")
        digest = _digest(hello.token)
        # All rules are compared, also after a match, so that the time tells nothing.
        matching = [rule for rule in self._rules() if hmac.compare_digest(rule.digest, digest)]
        if not matching:
            raise ConnectionRefused(ConnectionReason.BAD_TOKEN, "the token is wrong")
        if not any(rule.sources is None or hello.source in rule.sources for rule in matching):
            detail = f"the token is not for source {hello.source!r}"
            raise ConnectionRefused(ConnectionReason.BAD_TOKEN, detail)


def check_hello(hello: Hello, aliases: Mapping[str, str]) -> None:
    """Raise `ConnectionRefused` where the name or the interval is none that a sender may have."""
    source = hello.source
    if not is_visible_name(source):
        raise _bad_hello(f"source must be 1 to {MAX_NAME_BYTES} bytes of text that can be seen")
    if is_address_like(source) or source in aliases.values():
        raise _bad_hello(f"source {source!r} is a name for senders without Hello: choose another")
    interval = hello.interval
    if interval is not None and not 0 < interval <= MAX_INTERVAL_SECONDS:
        raise _bad_hello(f"interval must be above 0 and at most {MAX_INTERVAL_SECONDS:g} s")


def check_certificate(hello: Hello, names: frozenset[str] | None) -> None:
    """Raise `ConnectionRefused` where the peer's certificate, with `names`, is not the source's."""
    if names is not None and hello.source not in names:
        detail = f"the certificate is not for source {hello.source!r}"
        raise ConnectionRefused(ConnectionReason.WRONG_CERTIFICATE, detail)


def _bad_hello(detail: str) -> ConnectionRefused:
    return ConnectionRefused(ConnectionReason.BAD_HELLO, detail)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
