"""`tls_server_config` of the web configuration, as far as Python's ssl can do what it says."""

import ssl
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from exporters.access.tls import Pem, TlsRules
from exporters.access.yaml_nodes import Node

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_OLD_VERSIONS = frozenset({"TLS10", "TLS11"})

_CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED_CLIENT_AUTH = frozenset(
    {"RequestClientCert", "RequireClientCert", "RequireAnyClientCert"}
)

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
"""Go's names of the suites it calls secure, and OpenSSL's."""

_CIPHERS_13 = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)
"""Always on, there as here: neither Go nor Python can choose among them."""

T = TypeVar("T")


def tls_rules(node: Node, folder: Path) -> TlsRules | None:
    """What `node` says; None where it turns nothing on. Raises `ConfigError`."""
    file = partial(_file, folder)
    fields = node.fields(
        {
            "cert": _inline,
            "cert_file": file,
            "key": _inline,
            "key_file": file,
            "client_ca": _inline,
            "client_ca_file": file,
            "client_auth_type": _client_auth,
            "client_allowed_sans": _texts,
            "min_version": _version,
            "max_version": _version,
            "cipher_suites": _ciphers,
            "curve_preferences": _curve,
            "prefer_server_cipher_suites": Node.boolean,
        }
    )
    certificate = _one_of(node, fields, "cert")
    key = _one_of(node, fields, "key")
    client_ca = _one_of(node, fields, "client_ca")
    client_auth = fields.get("client_auth_type")
    if not any((certificate, key, client_ca, client_auth)):
        if fields:
            raise node.error("cert_file and key_file are missing")
        return None
    if certificate is None or key is None:
        what = "cert_file" if certificate is None else "key_file"
        raise node.error(f"missing one of {what.removesuffix('_file')} or {what}")
    rules = _defaults(fields, certificate, key, client_ca)
    _check(node, rules, has_sans="client_allowed_sans" in fields)
    return rules


def _defaults(
    fields: dict[str, object], certificate: Pem, key: Pem, client_ca: Pem | None
) -> TlsRules:
    def get(name: str, default: T) -> T:
        return cast("T", fields.get(name, default))

    return TlsRules(
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        client_certificate=get("client_auth_type", ssl.CERT_NONE),
        client_allowed_sans=frozenset(get("client_allowed_sans", ())),
        minimum=get("min_version", ssl.TLSVersion.TLSv1_2),
        maximum=get("max_version", ssl.TLSVersion.TLSv1_3),
        ciphers=get("cipher_suites", None),
        curve=get("curve_preferences", None),
        prefer_server_ciphers=get("prefer_server_cipher_suites", default=True),
    )


def _check(node: Node, rules: TlsRules, *, has_sans: bool) -> None:
    verifies = rules.client_certificate is not ssl.CERT_NONE
    if rules.client_ca is not None and not verifies:
        raise node.error("a client CA needs a client_auth_type that verifies")
    if verifies and rules.client_ca is None:
        raise node.error("client_auth_type needs client_ca_file: there is no default authority")
    if has_sans and rules.client_certificate is not ssl.CERT_REQUIRED:
        raise node.error("client_allowed_sans needs client_auth_type RequireAndVerifyClientCert")
    if has_sans and not rules.client_allowed_sans:
        raise node.error("client_allowed_sans names nobody")
    if rules.minimum > rules.maximum:
        raise node.error("min_version is above max_version")


def _one_of(node: Node, fields: dict[str, object], name: str) -> Pem | None:
    if name in fields and f"{name}_file" in fields:
        raise node.error(f"{name} and {name}_file: give one of them")
    return cast("Pem | None", fields.get(name) or fields.get(f"{name}_file"))


def _inline(node: Node) -> Pem | None:
    text = node.text()
    return Pem(text) if text else None


def _file(folder: Path, node: Node) -> Pem | None:
    text = node.text()
    return Pem(folder / text) if text else None


def _client_auth(node: Node) -> ssl.VerifyMode:
    if node.text() in _UNVERIFIED_CLIENT_AUTH:
        raise node.error(
            f"{node.text()} lets in certificates that nobody verified, which this server cannot: "
            "use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    return _choice(node, _CLIENT_AUTH)


def _version(node: Node) -> ssl.TLSVersion:
    if node.text() in _OLD_VERSIONS:
        raise node.error(f"{node.text()} is no longer secure and not offered: use TLS12 or TLS13")
    return _choice(node, _VERSIONS)


def _ciphers(node: Node) -> str | None:
    names = [_cipher(one) for one in node.items()]
    return ":".join(filter(None, names)) or None


def _cipher(node: Node) -> str | None:
    return None if node.text() in _CIPHERS_13 else _choice(node, _CIPHERS)


def _curve(node: Node) -> str | None:
    curves = [_choice(one, _CURVES) for one in node.items()]
    if len(curves) > 1:
        raise node.error("Python's ssl takes one curve: leave the list out, or name one")
    return curves[0] if curves else None


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(one.text() for one in node.items())


def _choice(node: Node, choices: dict[str, T]) -> T:
    if node.text() not in choices:
        raise node.error(f"{node.text()!r} is none of {', '.join(filter(None, choices))}")
    return choices[node.text()]
