"""Says whether the service in this container answers at HEALTH_URL; exit code 0 or 1.

The certificate is not checked, since nobody stands between a container and itself.
"""

import os
import ssl
import sys
from urllib.error import URLError
from urllib.request import urlopen

SECONDS = 4.0
"""Longest time for an answer: below the timeout that the image gives to this program."""


def is_healthy(url: str) -> bool:
    """Whether `url` answers with status 200, or asks for a client certificate."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    try:
        with urlopen(url, timeout=SECONDS, context=unchecked) as answer:  # noqa: S310 - the image's own
            return bool(answer.status == 200)
    except OSError as error:
        # urllib wraps what went wrong while the question was sent, and not what came later.
        if url.startswith("https:") and _asks_for_certificate(
            error.reason if isinstance(error, URLError) else error
        ):
            return True
        print(error, file=sys.stderr)  # noqa: T201 - shown by docker inspect
        return False


def _asks_for_certificate(error: str | BaseException) -> bool:
    """Whether a service ended the connection since this program has no certificate.

    The handshake is over then for this side. The alert that says so may be lost in the reset.
    """
    if isinstance(error, ssl.SSLError):
        return error.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    return isinstance(error, ConnectionResetError | BrokenPipeError)


if __name__ == "__main__":
    sys.exit(not is_healthy(os.environ["HEALTH_URL"]))
