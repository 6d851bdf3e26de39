"""Who may send: where from, and what a `Hello` must say to be let in."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol, TypeAlias

from stats_gateway.errors import ConnectionReason, ConnectionRefused
from stats_gateway.limits import MAX_INTERVAL_SECONDS, MAX_NAME_BYTES
from stats_gateway.rows.text import clean
from stats_gateway.store.source_names import is_address_like
from stats_gateway.wire.messages import Hello

Network: TypeAlias = IPv4Network | IPv6Network


class CertificateName(StrEnum):
    """The name in a sender's certificate that its `Hello` must say as the source."""

    NONE = "none"
    """No name: a certificate opens every source."""
    SAN = "san"
    """One of the DNS names among the subject's alternative names."""
    CN = "cn"
    """The common name of the subject."""


class Access(Protocol):
    """Decides about one peer."""

    @property
    def needs_hello(self) -> bool:
        """Whether a connection that did not say `Hello` may send nothing."""

    def check(self, hello: Hello) -> None:
        """Raises `ConnectionRefused` where `hello` may not come in, or may no longer stay."""


class OpenAccess:
    """Everyone who can reach the port may send."""

    needs_hello = False

    def check(self, hello: Hello) -> None:
        """Lets everyone in."""


@dataclass(frozen=True, slots=True)
class TokenRule:
    """One token, by its hash, and what it opens."""

    digest: bytes
    """SHA-256 of the token: tokens of any length compare in the same time."""
    sources: frozenset[str] | None
    """The names that may be claimed with it; None for all."""


def token_rule(token: str, sources: Iterable[str]) -> TokenRule:
    """What `token` opens: `sources`, or all of them where none is named."""
    return TokenRule(_digest(token), frozenset(sources) or None)


class TokenAccess:
    """Senders must show a token that is theirs; `rules` gives those that are good at the moment."""

    needs_hello = True

    def __init__(self, rules: Callable[[], tuple[TokenRule, ...]]) -> None:
        self._rules = rules

    def check(self, hello: Hello) -> None:
        """Raises `ConnectionRefused` unless the token is right for the source's name."""
        if hello.token is None:
            raise ConnectionRefused(ConnectionReason.BAD_TOKEN, "a token is required")
        digest = _digest(hello.token)
        # Every rule is compared, whichever matches, so that time tells nothing.
        matching = [rule for rule in self._rules() if hmac.compare_digest(rule.digest, digest)]
        if not matching:
            raise ConnectionRefused(ConnectionReason.BAD_TOKEN, "the token is wrong")
        if not any(rule.sources is None or hello.source in rule.sources for rule in matching):
            detail = f"the token is not for source {hello.source!r}"
            raise ConnectionRefused(ConnectionReason.BAD_TOKEN, detail)


def is_allowed(address: str, networks: Iterable[Network]) -> bool:
    """Whether a peer at `address` is in one of `networks`."""
    parsed = ip_address(address.partition("%")[0])
    return any(parsed in network for network in networks)


def check_hello(hello: Hello, aliases: Mapping[str, str]) -> None:
    """Raises `ConnectionRefused` where the name or interval cannot be."""
    source = hello.source
    if not source or clean(source, MAX_NAME_BYTES) != source:
        raise _bad_hello(f"source must be 1 to {MAX_NAME_BYTES} bytes of printable text")
    if is_address_like(source) or source in aliases.values():
        raise _bad_hello(f"source {source!r} is a name for senders without Hello: choose another")
    interval = hello.interval
    if interval is not None and not 0 < interval <= MAX_INTERVAL_SECONDS:
        raise _bad_hello(f"interval must be above 0 and at most {MAX_INTERVAL_SECONDS:g} s")


def _bad_hello(detail: str) -> ConnectionRefused:
    return ConnectionRefused(ConnectionReason.BAD_HELLO, detail)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
