"""Makes the TLS contexts of both listeners out of rules and files."""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exporters.access.file_modes import warn_if_exposed
from exporters.errors import errors_in


@dataclass(frozen=True, slots=True)
class Pem:
    """Certificates or a key, in a file or as text."""

    source: Path | str

    def __str__(self) -> str:
        return str(self.source) if isinstance(self.source, Path) else "(inline)"

    @property
    def files(self) -> list[Path]:
        """The file that holds the text, if there is one."""
        return [self.source] if isinstance(self.source, Path) else []

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """A file that holds the text: Python's ssl reads keys from nowhere else."""
        if isinstance(self.source, Path):
            # Opened, since errors of OpenSSL do not say which of its files is missing.
            with self.source.open("rb"):
                yield self.source
            return
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(self.source)
            file.flush()
            yield Path(file.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsRules:
    """The rules by which a listener speaks TLS."""

    certificate: Pem
    key: Pem
    client_ca: Pem | None = None
    client_certificate: ssl.VerifyMode = ssl.CERT_NONE
    client_allowed_sans: frozenset[str] = frozenset()
    """Where this set is not empty, one of the names of a client must be in it."""
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str | None = None
    """Ciphers of TLS 1.2 in OpenSSL's names; those of TLS 1.3 are all good and always on."""
    curve: str | None = None
    prefer_server_ciphers: bool = True

    @property
    def files(self) -> list[Path]:
        """The files that the context depends on."""
        pems = (self.certificate, self.key, self.client_ca)
        return [file for pem in pems if pem is not None for file in pem.files]


def server_context(rules: TlsRules) -> ssl.SSLContext:
    """The context for `rules`. Raises `ConfigError` that names the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = rules.minimum, rules.maximum
    context.verify_mode = rules.client_certificate
    if not rules.prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # which Python has set
    with (
        errors_in(f"{rules.certificate}, {rules.key}: no certificate with its key in PEM"),
        rules.certificate.on_disk() as certificate,
        rules.key.on_disk() as key,
    ):
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    if rules.client_ca is not None:
        with (
            errors_in(f"{rules.client_ca}: no CA certificates in PEM"),
            rules.client_ca.on_disk() as authorities,
        ):
            context.load_verify_locations(authorities)
    with errors_in("ciphers or curve"):
        if rules.ciphers is not None:
            context.set_ciphers(rules.ciphers)
        if rules.curve is not None:
            context.set_ecdh_curve(rules.curve)
    for file in rules.key.files:
        warn_if_exposed(file, "a private key")
    return context
