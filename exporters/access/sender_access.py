"""Puts together the rules of who may send, from files that may change."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporters.access.reloading import Loaded, Watched
from exporters.access.tls import Pem, TlsRules, server_context
from exporters.access.tokens import read_tokens
from exporters.errors import errors_in
from exporters.settings.config import IngestAccess
from stats_gateway.intake.access import Access, OpenAccess, TokenAccess, TokenRule


@dataclass(frozen=True, slots=True)
class IngestGate:
    """The rules that the listener for senders applies."""

    access: Access = field(default_factory=OpenAccess)
    tls: Callable[[], ssl.SSLContext] | None = None
    watched: tuple[Watched[Any], ...] = ()
    """Any: tokens and TLS contexts alike are watched for changes."""


def ingest_gate(config: IngestAccess) -> IngestGate:
    """The rules in the files that `config` names. Raises `ConfigError`."""
    watched: list[Watched[Any]] = []  # Any: as above
    access: Access = OpenAccess()
    tls = None
    if config.token_file is not None:
        tokens = _tokens(config.token_file)
        access = TokenAccess(lambda: tokens.value)
        watched.append(tokens)
    if config.tls_cert_file is not None and config.tls_key_file is not None:
        contexts = _contexts(config.tls_cert_file, config.tls_key_file, config.tls_client_ca_file)
        tls = lambda: contexts.value  # noqa: E731 - as short as the lambda above
        watched.append(contexts)
    return IngestGate(access, tls, tuple(watched))


def _tokens(path: Path) -> Watched[tuple[TokenRule, ...]]:
    return Watched("tokens of senders", lambda _: Loaded(read_tokens(path), [path]))


def _contexts(cert: Path, key: Path, client_ca: Path | None) -> Watched[ssl.SSLContext]:
    rules = TlsRules(
        certificate=Pem(cert),
        key=Pem(key),
        client_ca=None if client_ca is None else Pem(client_ca),
        client_certificate=ssl.CERT_NONE if client_ca is None else ssl.CERT_REQUIRED,
    )

    def load(_: ssl.SSLContext | None) -> Loaded[ssl.SSLContext]:
        with errors_in("--ingest.tls-*-file"):
            return Loaded(server_context(rules), rules.files)

    return Watched("TLS of senders", load)
