"""Logins: what a header says, and which of them are good."""

import asyncio
import base64
from collections.abc import Iterator

import bcrypt
import pytest

from exporters.http.basic_auth import MAX_WAITING_OF_ONE, BasicAuth, Verdict, parse_login

pytestmark = pytest.mark.anyio

USERS = {"prometheus": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}


def header(login: bytes) -> str:
    return "Basic " + base64.b64encode(login).decode()


@pytest.fixture
def auth() -> Iterator[BasicAuth]:
    opened = BasicAuth()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("value", "login"),
    [
        (header(b"user:password"), ("user", b"password")),
        (header(b"user:pass:word"), ("user", b"pass:word")),
        (header(b":"), ("", b"")),
        (header("üser:pässword".encode()), ("üser", "pässword".encode())),
        (header(b"user:password").replace("Basic", "bAsIc"), ("user", b"password")),
        (header(b"no colon"), None),
        (header(b"\xff:password"), None),
        ("Basic !!!", None),
        ("Basic", None),
        ("", None),
        ("Bearer dXNlcjpwYXNzd29yZA==", None),
    ],
)
def test_a_login_is_a_user_and_a_password_in_base64(
    value: str, login: tuple[str, bytes] | None
) -> None:
    assert parse_login(value) == login


@pytest.mark.parametrize(
    ("login", "verdict"),
    [
        (b"prometheus:right", Verdict.GOOD),
        (b"prometheus:wrong", Verdict.BAD),
        (b"prometheus:", Verdict.BAD),
        (b"prometheus:" + b"right" * 40, Verdict.BAD),
        (b"prometheus:right\0", Verdict.BAD),
        (b"nobody:right", Verdict.BAD),
    ],
)
async def test_only_the_password_of_a_known_user_is_good(
    auth: BasicAuth, login: bytes, verdict: Verdict
) -> None:
    for _ in range(2):
        assert await auth.check(header(login), USERS, "client") is verdict


async def test_one_client_with_many_logins_is_told_to_come_again(auth: BasicAuth) -> None:
    guesses = [header(f"prometheus:{number}".encode()) for number in range(20)]
    verdicts = await asyncio.gather(*(auth.check(one, USERS, "client") for one in guesses))
    assert verdicts.count(Verdict.BAD) == MAX_WAITING_OF_ONE
    assert verdicts.count(Verdict.BUSY) == 20 - MAX_WAITING_OF_ONE


async def test_a_flood_from_many_clients_keeps_no_new_client_out(auth: BasicAuth) -> None:
    flood = [
        asyncio.create_task(
            auth.check(header(f"prometheus:{number}".encode()), USERS, f"client {number % 8}")
        )
        for number in range(200)
    ]
    await asyncio.sleep(0)
    assert await auth.check(header(b"prometheus:right"), USERS, "new") is Verdict.GOOD
    assert set(await asyncio.gather(*flood)) == {Verdict.BAD, Verdict.BUSY}


async def test_a_hash_that_cannot_be_checked_fails_each_login_and_stops_nothing(
    auth: BasicAuth,
) -> None:
    with pytest.raises(ValueError, match="salt"):
        await auth.check(header(b"prometheus:right"), {"prometheus": "$2y$04$" + "z" * 53}, "one")
    assert await auth.check(header(b"prometheus:right"), USERS, "one") is Verdict.GOOD
