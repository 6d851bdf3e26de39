"""Basic authentication against bcrypt hashes, which are slow to check on purpose.

Checks run one after the other on a thread of their own, since each takes a tenth of a second of a
processor. A login that was good is remembered, so that a scraper which was let in once is let in
whatever flood of wrong passwords others send. Clients take turns, so that a flood from a few of
them does not keep a new scraper out either.
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
from dataclasses import dataclass, field
from enum import Enum, auto

import bcrypt

from exporters.http.login_queue import LoginQueue

MAX_WAITING = 32
"""Checks that wait: at 70 ms each, the last one is done after some two seconds."""

MAX_WAITING_OF_ONE = 4
"""Checks of one client that wait."""

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


@dataclass(frozen=True, slots=True)
class _Check:
    """One login to check; those who ask the same meanwhile wait for the same answer."""

    key: bytes
    password: bytes
    stored: str
    answer: "asyncio.Future[Verdict]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def run(self) -> Verdict:
        """Check the password; takes long."""
        return Verdict.GOOD if _is_right(self.password, self.stored) else Verdict.BAD


class BasicAuth:
    """Checks logins; for one event loop. `close` ends its thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._secret = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._checks: dict[bytes, _Check] = {}
        self._queue: LoginQueue[_Check] = LoginQueue(MAX_WAITING, MAX_WAITING_OF_ONE)
        self._is_running = False

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
        check = self._checks.get(key) or self._begin(_Check(key, password, stored), client)
        # Shielded, so that one client that goes away does not take the answer from the others.
        verdict = await asyncio.shield(check.answer)
        if verdict is Verdict.GOOD and known is None:
            return Verdict.BAD
        if verdict is Verdict.GOOD:
            self._remember(key)
        return verdict

    def _begin(self, check: _Check, client: str) -> _Check:
        self._checks[check.key] = check
        dropped = self._queue.add(client, check)
        if dropped is not None:
            self._checks.pop(dropped.key)
            dropped.answer.set_result(Verdict.BUSY)
        if not self._is_running:
            self._run_next()
        return check

    def _run_next(self) -> None:
        check = self._queue.next()
        self._is_running = check is not None
        if check is None:
            return
        running = asyncio.get_running_loop().run_in_executor(self._thread, check.run)

        def done(_: "asyncio.Future[Verdict]") -> None:
            del self._checks[check.key]
            if running.cancelled():
                check.answer.cancel()
                return
            if (error := running.exception()) is not None:
                check.answer.set_exception(error)
            else:
                check.answer.set_result(running.result())
            self._run_next()

        running.add_done_callback(done)

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
