"""The web configuration: TLS, basic authentication and headers, as the exporter-toolkit has it.

What Python's ssl or this server cannot do is an error, never silently left out. HTTP/2 is the one
exception: `http2: true` is the toolkit's default and only allows it, and it is not offered.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from exporters.access.reloading import Loaded, Watched
from exporters.access.tls import TlsRules, server_context
from exporters.access.web_tls import tls_rules
from exporters.access.yaml_nodes import Node, parse_yaml
from exporters.errors import ConfigError

MAX_BCRYPT_COST = 15
"""A login of cost 15 takes two seconds of a processor; each step more doubles that."""

_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""The headers that may be set; where values are named, only to one of those."""

_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|µs|ns))+|0")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|ns)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One request an `interval`, in seconds, after a first `burst`."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """Who may ask, and how."""

    tls: TlsRules | None = None
    context: ssl.SSLContext | None = field(default=None, repr=False)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """bcrypt hashes by user; anyone may ask where there is none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit | None = None

    @property
    def is_open(self) -> bool:
        """Whether everyone who can reach the port may ask."""
        needs_certificate = self.tls is not None and self.tls.client_certificate is not (
            ssl.CERT_NONE
        )
        return not self.users and not needs_certificate


def watch_web_config(path: Path) -> Watched[WebConfig]:
    """The configuration in the file, kept up. Raises `ConfigError`."""
    return Watched("web configuration", lambda old: _load(path, old))


def _load(path: Path, old: WebConfig | None) -> Loaded[WebConfig]:
    try:
        config = parse_web_config(path.read_text(), path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--web.config.file {path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"--web.config.file {path}: {error}") from error
    if old is not None:
        _check_still_closed(path, old, config)
    return Loaded(config, [path, *(config.tls.files if config.tls is not None else ())])


def _check_still_closed(path: Path, old: WebConfig, new: WebConfig) -> None:
    """A file that was emptied by accident must not open the door; a restart may."""
    lost = [
        name
        for name, had, has in (
            ("tls_server_config", old.tls, new.tls),
            ("basic_auth_users", old.users, new.users),
        )
        if had and not has
    ]
    if lost or (new.is_open and not old.is_open):
        what = " and ".join(lost) or "client certificates"
        raise ConfigError(f"--web.config.file {path}: doing without {what} takes a restart")


def parse_web_config(text: str, folder: Path) -> WebConfig:
    """The configuration in `text`; its relative paths are in `folder`. Raises `ConfigError`."""
    node = parse_yaml(text)
    if node is None:
        return WebConfig()
    fields = node.fields(
        {
            "tls_server_config": lambda node: tls_rules(node, folder),
            "http_server_config": _headers,
            "basic_auth_users": _users,
            "rate_limit": _rate_limit,
        }
    )
    tls = cast("TlsRules | None", fields.get("tls_server_config"))
    return WebConfig(
        tls=tls,
        context=None if tls is None else server_context(tls),
        users=cast("Mapping[str, str]", fields.get("basic_auth_users", {})),
        headers=cast("Mapping[str, str]", fields.get("http_server_config", {})),
        rate_limit=cast("RateLimit | None", fields.get("rate_limit")),
    )


def _headers(node: Node) -> Mapping[str, str]:
    fields = node.fields({"http2": Node.boolean, "headers": Node.mapping})
    headers = cast("Mapping[str, Node]", fields.get("headers", {}))
    for name, value in headers.items():
        _check_header(name, value)
    return {name: value.text() for name, value in headers.items() if value.text()}


def _check_header(name: str, value: Node) -> None:
    if name not in _HEADERS:
        raise value.error(f"header {name} is none of {', '.join(_HEADERS)}")
    allowed = _HEADERS[name]
    if allowed and value.text() not in allowed:
        raise value.error(f"{name} must be {' or '.join(allowed)}")
    if not (value.text().isascii() and value.text().isprintable()) and value.text():
        raise value.error(f"{name} must be printable ASCII on one line")


def _users(node: Node) -> Mapping[str, str]:
    users = node.mapping()
    for user, password in users.items():
        match = _BCRYPT.fullmatch(password.text())
        if match is None:
            raise password.error(f"the password of {user} must be a bcrypt hash: $2y$10$...")
        if not 4 <= int(match["cost"]) <= MAX_BCRYPT_COST:
            raise password.error(f"the bcrypt cost of {user} must be 4 to {MAX_BCRYPT_COST}")
        if ":" in user:
            raise password.error("a user's name cannot have a colon")
    return {user: password.text() for user, password in users.items()}


def _rate_limit(node: Node) -> RateLimit | None:
    fields = node.fields({"interval": _duration, "burst": Node.whole_number})
    interval = cast("float", fields.get("interval", 0.0))
    burst = cast("int", fields.get("burst", 0))
    if not interval:
        return None
    if not burst:
        raise node.error("rate_limit needs a burst of at least 1, or nobody is let in")
    return RateLimit(interval, burst)


def _duration(node: Node) -> float:
    text = node.text()
    if _DURATION.fullmatch(text) is None:
        raise node.error(f"{text!r} is no duration such as 1s, 500ms or 1m30s")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
