"""Reads `tls_server_config` of the web configuration, as far as Python's ssl can follow it."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from exporters.access.tls import Pem, TlsRules
from exporters.errors import ConfigError, shown

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

_UNVERIFIED = (
    "lets in certificates that nobody verified, which this server cannot: "
    "use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
)
_OLD = "is no longer secure and not offered: use TLS12 or TLS13"
_REFUSED = {
    "RequestClientCert": _UNVERIFIED,
    "RequireClientCert": _UNVERIFIED,
    "RequireAnyClientCert": _UNVERIFIED,
    "TLS10": _OLD,
    "TLS11": _OLD,
}
"""Words of the toolkit that this server refuses, and why."""

_CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}

_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""The suites that Go calls secure: Go's names of them, and OpenSSL's."""

_CIPHERS_13 = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)
"""The suites of TLS 1.3 are always on: neither Go nor Python can choose among them."""

T = TypeVar("T")


class TlsServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `tls_server_config`, as it stands in the file.

    UNSET is a key that is not there: a key that is there with an empty value is no accident to
    pass over, since TLS would be off.
    """

    cert: str | UnsetType = UNSET
    cert_file: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    key_file: str | UnsetType = UNSET
    client_ca: str | UnsetType = UNSET
    client_ca_file: str | UnsetType = UNSET
    client_auth_type: str = ""
    client_allowed_sans: tuple[str, ...] | UnsetType = UNSET
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] | None = None
    curve_preferences: tuple[str, ...] | None = None
    prefer_server_cipher_suites: bool = True


def tls_rules(config: TlsServerConfig, folder: Path) -> TlsRules | None:
    """The rules in `config`; None where it is empty. Raises `ConfigError` that names the key."""
    if config == TlsServerConfig():
        return None
    certificate = _pem("cert", config.cert, config.cert_file, folder)
    key = _pem("key", config.key, config.key_file, folder)
    if certificate is None and key is None:
        raise ConfigError("cert_file and key_file are missing")
    if certificate is None or key is None:
        name = "cert" if certificate is None else "key"
        raise ConfigError(f"missing one of {name} or {name}_file")
    rules = TlsRules(
        certificate=certificate,
        key=key,
        client_ca=_pem("client_ca", config.client_ca, config.client_ca_file, folder),
        client_certificate=_choice("client_auth_type", config.client_auth_type, _CLIENT_AUTH),
        client_allowed_sans=frozenset(config.client_allowed_sans or ()),
        minimum=_choice("min_version", config.min_version, _VERSIONS),
        maximum=_choice("max_version", config.max_version, _VERSIONS),
        ciphers=_ciphers(config.cipher_suites or ()),
        curve=_curve(config.curve_preferences or ()),
        prefer_server_ciphers=config.prefer_server_cipher_suites,
    )
    _check(rules, has_sans=config.client_allowed_sans is not UNSET)
    return rules


def _check(rules: TlsRules, *, has_sans: bool) -> None:
    verifies = rules.client_certificate is not ssl.CERT_NONE
    if rules.client_ca is not None and not verifies:
        raise ConfigError("client_ca_file needs a client_auth_type that verifies")
    if verifies and rules.client_ca is None:
        raise ConfigError("client_auth_type needs client_ca_file: there is no default authority")
    if has_sans and rules.client_certificate is not ssl.CERT_REQUIRED:
        raise ConfigError("client_allowed_sans needs client_auth_type RequireAndVerifyClientCert")
    if has_sans and not rules.client_allowed_sans:
        raise ConfigError("client_allowed_sans names nobody")
    if rules.minimum > rules.maximum:
        raise ConfigError("min_version is above max_version")


def _pem(name: str, text: str | UnsetType, file: str | UnsetType, folder: Path) -> Pem | None:
    """What stands inline or in a file; relative paths are in `folder`."""
    if text is not UNSET and file is not UNSET:
        raise ConfigError(f"{name} and {name}_file: give one of them")
    if text:
        return Pem(text)
    return Pem(folder / file) if file else None


def _ciphers(names: Sequence[str]) -> str | None:
    """OpenSSL's names for those of `names` that TLS 1.2 knows."""
    chosen = [_choice("cipher_suites", name, _CIPHERS) for name in names if name not in _CIPHERS_13]
    return ":".join(chosen) or None


def _curve(names: Sequence[str]) -> str | None:
    if len(names) > 1:
        raise ConfigError(
            "curve_preferences: Python's ssl takes one curve: leave the list out, or name one"
        )
    return _choice("curve_preferences", names[0], _CURVES) if names else None


def _choice(key: str, word: str, choices: Mapping[str, T]) -> T:
    if word in _REFUSED:
        raise ConfigError(f"{key}: {word} {_REFUSED[word]}")
    if word not in choices:
        raise ConfigError(f"{key}: {shown(word)} is none of {', '.join(filter(None, choices))}")
    return choices[word]
