"""TLS contexts of both listeners."""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from exporters.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Pem:
    """Certificates or a key, in a file or as text."""

    source: Path | str

    @property
    def files(self) -> list[Path]:
        """The file, if it is one."""
        return [self.source] if isinstance(self.source, Path) else []

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """A file that holds it: Python's ssl reads keys from nowhere else."""
        if isinstance(self.source, Path):
            yield self.source
            return
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(self.source)
            file.flush()
            yield Path(file.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsRules:
    """How to speak TLS."""

    certificate: Pem
    key: Pem
    client_ca: Pem | None = None
    client_certificate: ssl.VerifyMode = ssl.CERT_NONE
    client_allowed_sans: frozenset[str] = frozenset()
    """Where not empty, one of a client's names must be among these."""
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str | None = None
    """Of TLS 1.2, in OpenSSL's names; those of 1.3 are all good and cannot be chosen."""
    curve: str | None = None
    prefer_server_ciphers: bool = True

    @property
    def files(self) -> list[Path]:
        """What it depends on."""
        pems = (self.certificate, self.key, self.client_ca)
        return [file for pem in pems if pem is not None for file in pem.files]


def server_context(rules: TlsRules) -> ssl.SSLContext:
    """The context for `rules`. Raises `ConfigError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = rules.minimum, rules.maximum
    context.verify_mode = rules.client_certificate
    if rules.prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    with ExitStack() as stack:
        certificate = stack.enter_context(rules.certificate.on_disk())
        key = stack.enter_context(rules.key.on_disk())
        try:
            # The empty password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except OSError as error:
            raise ConfigError(f"{_name(rules.certificate)}, {_name(rules.key)}: {error}") from error
        if rules.client_ca is not None:
            authorities = stack.enter_context(rules.client_ca.on_disk())
            try:
                context.load_verify_locations(authorities)
            except OSError as error:
                raise ConfigError(f"{_name(rules.client_ca)}: {error}") from error
    try:
        if rules.ciphers is not None:
            context.set_ciphers(rules.ciphers)
        if rules.curve is not None:
            context.set_ecdh_curve(rules.curve)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"ciphers or curve: {error}") from error
    return context


def _name(pem: Pem) -> str:
    return str(pem.source) if isinstance(pem.source, Path) else "(inline)"
