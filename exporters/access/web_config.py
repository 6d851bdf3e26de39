"""Reads the web configuration: TLS, users and headers, in the format of the exporter-toolkit.

A key that Python's ssl or this server cannot follow is an error, and never silently left out. The
one exception is HTTP/2: `http2: true` is the toolkit's default and allows HTTP/2, which this server
does not offer.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import bcrypt
import msgspec
from msgspec import Meta, Struct

from exporters.access.file_modes import warn_if_exposed
from exporters.access.reloading import Loaded, Watched
from exporters.access.strict_yaml import parse_yaml
from exporters.access.tls import TlsRules, server_context
from exporters.access.web_tls import TlsServerConfig, tls_rules
from exporters.errors import ConfigError, did_you_mean, errors_in, shown
from exporters.settings.files import read_text
from exporters.settings.setting import MAX_SECONDS

MAX_BCRYPT_COST = 15
"""A login of cost 15 takes two seconds of a processor; each step more doubles that."""

MAX_BURST = 1_000_000
"""Largest burst of a rate limit, far above what one service can answer in a second."""

_BCRYPT = re.compile(
    r"(?P<kind>\$2[aby]\$)(?P<cost>[0-9]{2})(?P<rest>\$[./A-Za-z0-9]{53})", re.ASCII
)

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""The headers that may be set; where values are listed, a header may only be one of them."""

_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|µs|ns)")
_DURATION = re.compile(f"(?:{_DURATION_PART.pattern})+|0")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One request in each `interval`, in seconds, after a first `burst` of requests."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """The rules of who may read over HTTP, and with which headers."""

    tls: TlsRules | None = None
    context: ssl.SSLContext | None = field(default=None, repr=False)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """bcrypt hashes by user; where there is no user, everyone may read."""
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit | None = None

    @property
    def is_open(self) -> bool:
        """Whether everyone who can reach the port may read."""
        needs_certificate = self.tls is not None and self.tls.client_certificate is not (
            ssl.CERT_NONE
        )
        return not self.users and not needs_certificate


class _Headers(Struct, frozen=True, forbid_unknown_fields=True):
    http2: bool = True
    headers: dict[str, object] | None = None


class _RateLimit(Struct, frozen=True, forbid_unknown_fields=True):
    interval: str = "0"
    burst: Annotated[int, Meta(ge=0, le=MAX_BURST)] = 0


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """The sections of the file. A section without any content is null in YAML.

    msgspec does not name a key of users or headers in its errors, so their texts are checked here.
    """

    tls_server_config: TlsServerConfig | None = None
    http_server_config: _Headers | None = None
    basic_auth_users: dict[str, object] | None = None
    rate_limit: _RateLimit | None = None


_KEYS = {
    key
    for section in (_File, TlsServerConfig, _Headers, _RateLimit)
    for key in section.__struct_fields__
}
"""The keys that the file may have in any section."""


def watch_web_config(path: Path) -> Watched[WebConfig]:
    """The configuration in the file, read again when it changes. Raises `ConfigError`."""
    return Watched("web configuration", lambda old: _load(path, old))


def _load(path: Path, old: WebConfig | None) -> Loaded[WebConfig]:
    with errors_in(f"--web.config.file {path}"):
        config = parse_web_config(read_text(path), path.parent)
        if old is not None:
            _check_still_closed(old, config)
    if config.users:
        warn_if_exposed(path, "hashes of passwords")
    if config.tls is not None and not config.tls.key.files:
        warn_if_exposed(path, "a private key")
    return Loaded(config, [path, *(config.tls.files if config.tls is not None else ())])


def _check_still_closed(old: WebConfig, new: WebConfig) -> None:
    """Raises `ConfigError` where a file that was emptied by accident would let everyone in."""
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
        raise ConfigError(f"doing without {what} takes a restart")


def parse_web_config(text: str, folder: Path) -> WebConfig:
    """The configuration in `text`; its relative paths are in `folder`. Raises `ConfigError`."""
    document = parse_yaml(text)
    try:
        # All scalars are texts, so msgspec is asked to read "true" and "5" as what they say.
        file = msgspec.convert({} if document is None else document, _File, strict=False)
    except msgspec.ValidationError as error:
        # "Object contains unknown field `certfile` - at `$.tls_server_config`", for example.
        cause, _, path = str(error).partition(" - at `$.")
        hint = did_you_mean(cause.rpartition(" ")[2], (f"`{key}`" for key in _KEYS))
        raise ConfigError(f"{path.rstrip('`')}: {cause}{hint}".removeprefix(": ")) from error
    with errors_in("tls_server_config"):
        tls = tls_rules(file.tls_server_config or TlsServerConfig(), folder)
        context = None if tls is None else server_context(tls)
    with errors_in("basic_auth_users"):
        users = {name: _hash(name, value) for name, value in (file.basic_auth_users or {}).items()}
    with errors_in("http_server_config.headers"):
        given = file.http_server_config.headers if file.http_server_config else None
        headers = {name: _header(name, value) for name, value in (given or {}).items()}
    with errors_in("rate_limit"):
        rate_limit = _rate_limit(file.rate_limit or _RateLimit())
    return WebConfig(
        tls=tls,
        context=context,
        users=users,
        headers={name: value for name, value in headers.items() if value},
        rate_limit=rate_limit,
    )


def _header(name: str, value: object) -> str:
    if name not in _HEADERS:
        raise ValueError(f"{shown(name)} is none of {', '.join(_HEADERS)}")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError(f"{name} must be printable ASCII on one line")
    if _HEADERS[name] and value not in _HEADERS[name]:
        raise ValueError(f"{name} must be {' or '.join(_HEADERS[name])}")
    return value


def _hash(user: str, password: object) -> str:
    """The hash `password`, tried once, so that a wrong one is an error now and not at a login."""
    match = _BCRYPT.fullmatch(password) if isinstance(password, str) else None
    if match is None:
        raise ValueError(f"the password of {shown(user)} must be a bcrypt hash: $2y$10$...")
    if not 4 <= int(match["cost"]) <= MAX_BCRYPT_COST:
        raise ValueError(f"the bcrypt cost of {shown(user)} must be 4 to {MAX_BCRYPT_COST}")
    if ":" in user:
        raise ValueError(f"the name {shown(user)} cannot have a colon")
    with errors_in(f"the bcrypt hash of {shown(user)}"):
        # With the smallest cost, which takes a millisecond: the salt is as good or bad with any.
        bcrypt.checkpw(b"", f"{match['kind']}04{match['rest']}".encode())
    return match.string


def _rate_limit(section: _RateLimit) -> RateLimit | None:
    interval = _duration(section.interval)
    if interval and not section.burst:
        raise ValueError("needs a burst of at least 1, or nobody is let in")
    return RateLimit(interval, section.burst) if interval else None


def _duration(text: str) -> float:
    """The seconds of a duration as Go writes it, such as `1m30s`."""
    if _DURATION.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is no duration such as 1s, 500ms or 1m30s")
    parts = _DURATION_PART.findall(text)
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if seconds > MAX_SECONDS:
        raise ValueError(f"the interval {shown(text)} is more than a year")
    return seconds
