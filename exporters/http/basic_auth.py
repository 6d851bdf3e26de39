"""Basic authentication against bcrypt hashes, which are slow to check on purpose.

Checks run one after the other on a thread of their own, since each takes a tenth of a second of a
processor. A login that was good is remembered, so that a scraper which was let in once is let in
whatever flood of wrong passwords others send. What waits is bounded, for all and for each client,
and some places are for clients that have none, so that a new scraper is let in as well.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto

import bcrypt

from exporters.http.request_limits import Slots

MAX_WAITING = 32
"""Checks that wait or run: at 70 ms each, the last one is done after some two seconds."""

MAX_WAITING_OF_ONE = 4
"""Checks of one client that wait or run."""

MAX_REMEMBERED = 128
"""Good logins that are kept: as many as users, and more only while passwords change."""

MAX_PASSWORD_BYTES = 72
"""bcrypt takes no more; a longer password is always wrong."""

_NOBODYS_DIGEST = "." * 31


class Verdict(Enum):
    """The outcome of a login."""

    GOOD = auto()
    BAD = auto()
    BUSY = auto()
    """Too many other logins wait to be checked; the client may ask again."""


class BasicAuth:
    """Checks logins; for one event loop. `close` ends its thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._secret = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting = Slots(MAX_WAITING, MAX_WAITING_OF_ONE)

    def close(self) -> None:
        """Drop the checks that wait."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def check(self, header: str, users: Mapping[str, str], client: str) -> Verdict:
        """Whether the value of an Authorization header is one of `users`; asked by `client`."""
        login = parse_login(header)
        if login is None:
            return Verdict.BAD
        user, password = login
        known = users.get(user)
        stored = known if known is not None else _nobodys_hash(users)
        key = self._key(user, stored, password)
        if known is not None and key in self._good:
            self._good.move_to_end(key)
            return Verdict.GOOD
        if key not in self._checks:
            if not self._waiting.has_one_for(client):
                return Verdict.BUSY
            self._begin(key, password, stored, client)
        # Shielded, so that one client that goes away does not take the answer from the others.
        is_right = await asyncio.shield(self._checks[key])
        if not is_right or known is None:
            return Verdict.BAD
        self._remember(key)
        return Verdict.GOOD

    def _begin(self, key: bytes, password: bytes, stored: str, client: str) -> None:
        """Check in the thread; those who ask the same meanwhile wait for the same answer."""
        loop = asyncio.get_running_loop()
        check = loop.run_in_executor(self._thread, _is_right, password, stored)
        self._checks[key] = check
        self._waiting.take(client)

        def done(_: "asyncio.Future[bool]") -> None:
            del self._checks[key]
            self._waiting.give_back(client)

        check.add_done_callback(done)

    def _remember(self, key: bytes) -> None:
        self._good[key] = None
        if len(self._good) > MAX_REMEMBERED:
            self._good.popitem(last=False)

    def _key(self, user: str, stored: str, password: bytes) -> bytes:
        """A key for each user, hash and password; the lengths keep the three apart."""
        digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        for part in (user.encode(), stored.encode(), password):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()


def parse_login(header: str) -> tuple[str, bytes] | None:
    """Read user and password from the value of an Authorization header; None if it has none."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _nobodys_hash(users: Mapping[str, str]) -> str:
    """Give a hash that fits no password and takes as long to check as the slowest user's hash."""
    slowest = max(users.values(), key=lambda stored: stored[4:6])
    return slowest[:-31] + _NOBODYS_DIGEST


def _is_right(password: bytes, stored: str) -> bool:
    if len(password) > MAX_PASSWORD_BYTES:
        bcrypt.checkpw(b"", stored.encode())  # takes as long as any other wrong password
        return False
    return bcrypt.checkpw(password, stored.encode())
