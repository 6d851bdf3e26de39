"""This module makes the TLS contexts of the miners' side and of the upstreams' side."""

import logging
import ssl
from pathlib import Path

from stats_feed.polling import WrongSourceError

logger = logging.getLogger(__name__)


class Certificate:
    """A certificate with its key, read again when one of the files has changed.

    A certificate is renewed every few months, and a restart would disconnect every miner. Raises
    WrongSourceError where the files are not right at first; later, the old ones stay in use.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._stamp()
        try:
            self._context = self._read()
        except (OSError, ValueError) as error:
            raise WrongSourceError(f"{certificate}, {key}: {error}") from error

    def context(self) -> ssl.SSLContext:
        """Return the context for the next handshake."""
        if (stamp := self._stamp()) != self._seen:
            self._seen = stamp
            try:
                self._context = self._read()
                logger.info("the certificate has been read again")
            except (OSError, ValueError) as error:
                logger.error("%s: %s; the old certificate stays in use", self._files[0], error)  # noqa: TRY400 - the text says it all
        return self._context

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(*self._files, password="")
        return context

    def _stamp(self) -> list[tuple[int, int] | None]:
        return [_stamp_of(file) for file in self._files]


def _stamp_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def upstream_context(authorities: Path | None) -> ssl.SSLContext:
    """Return the context that verifies upstreams, by the CAs in a file or by this machine's.

    Raises WrongSourceError.
    """
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:
        raise WrongSourceError(f"{authorities}: no CA certificates in PEM: {error}") from error
