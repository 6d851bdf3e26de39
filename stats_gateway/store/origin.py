"""The origin of a peer is its network and its certificate, which say what it may send as."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network


class CertificateName(StrEnum):
    """The name in a sender's certificate that its `Hello` must say as the source."""

    NONE = "none"
    """No name: a certificate opens every source."""
    SAN = "san"
    """One of the DNS names among the subject's alternative names."""
    CN = "cn"
    """The common name of the subject."""


def is_allowed(address: str, networks: Iterable[Network]) -> bool:
    """Whether a peer at `address` is in one of `networks`."""
    parsed = ip_address(address.partition("%")[0])
    return any(parsed in network for network in networks)


def certificate_names(
    certificate: Mapping[str, Any] | None, kind: CertificateName
) -> frozenset[str] | None:
    """The sources that a certificate, as `ssl` gives it, is for; None where it binds none."""
    if kind is CertificateName.NONE:
        return None
    certificate = certificate or {}
    if kind is CertificateName.SAN:
        names = certificate.get("subjectAltName", ())
        return frozenset(name for type_, name in names if type_ == "DNS")
    subject = (pair for part in certificate.get("subject", ()) for pair in part)
    return frozenset(value for name, value in subject if name == "commonName")
