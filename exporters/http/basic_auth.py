"""Basic authentication against bcrypt hashes, which are slow to check on purpose.

Checks run one after the other on a thread of their own, since each takes a tenth of a second of a
processor. A login that was good is remembered, so that a scraper which was let in once is let in
whatever flood of wrong passwords the others send; what waits is bounded, for all and for each
address.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto

import bcrypt

MAX_WAITING = 16
"""Checks that wait or run: at 70 ms each, the last is done after about a second."""

MAX_WAITING_PER_ADDRESS = 4
"""Of those, by one client: others find the queue open."""

MAX_REMEMBERED = 128
"""Good logins; there are as many as users, and more only while passwords change."""

MAX_PASSWORD_BYTES = 72
"""bcrypt takes no more, and a longer one can never be right."""

_NOBODYS_DIGEST = "." * 31


class Verdict(Enum):
    """What became of a login."""

    GOOD = auto()
    BAD = auto()
    BUSY = auto()
    """Too many others are being checked: ask again."""


class BasicAuth:
    """Checks logins; for one event loop. `close` ends its thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._secret = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting: Counter[str] = Counter()

    def close(self) -> None:
        """Drop what waits."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def check(self, header: str, users: Mapping[str, str], address: str) -> Verdict:
        """Whether the value of an Authorization header is one of `users`; asked by `address`."""
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
            if not self._has_room(address):
                return Verdict.BUSY
            self._begin(key, password, stored, address)
        is_right = await asyncio.shield(self._checks[key])
        if not is_right or known is None:
            return Verdict.BAD
        self._remember(key)
        return Verdict.GOOD

    def _has_room(self, address: str) -> bool:
        return len(self._checks) < MAX_WAITING and self._waiting[address] < MAX_WAITING_PER_ADDRESS

    def _begin(self, key: bytes, password: bytes, stored: str, address: str) -> None:
        """Check in the thread; those who ask the same meanwhile wait for the same answer."""
        loop = asyncio.get_running_loop()
        check = loop.run_in_executor(self._thread, _is_right, password, stored)
        self._checks[key] = check
        self._waiting[address] += 1

        def done(_: "asyncio.Future[bool]") -> None:
            del self._checks[key]
            self._waiting -= Counter({address: 1})

        check.add_done_callback(done)

    def _remember(self, key: bytes) -> None:
        self._good[key] = None
        if len(self._good) > MAX_REMEMBERED:
            self._good.popitem(last=False)

    def _key(self, user: str, stored: str, password: bytes) -> bytes:
        """One for each user, hash and password: their lengths keep them apart."""
        digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        for part in (user.encode(), stored.encode(), password):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()


def parse_login(header: str) -> tuple[str, bytes] | None:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(credentials, validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _nobodys_hash(users: Mapping[str, str]) -> str:
    """What no password is right for, as dear to check as the dearest of the users' hashes."""
    dearest = max(users.values(), key=lambda stored: stored[4:6])
    return dearest[:-31] + _NOBODYS_DIGEST


def _is_right(password: bytes, stored: str) -> bool:
    if len(password) > MAX_PASSWORD_BYTES:
        bcrypt.checkpw(b"", stored.encode())  # as slow as any other wrong one
        return False
    return bcrypt.checkpw(password, stored.encode())
