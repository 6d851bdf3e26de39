"""What stands before every answer, without a socket."""

import logging
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporters.access.web_config import WebConfig
from exporters.exposition.refusals import HttpReason, Refusals
from exporters.http.basic_auth import BasicAuth
from exporters.http.guard import Guard, names_loopback

pytestmark = pytest.mark.anyio


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("fine")(scope, receive, send)


async def status(guard: Guard, path: str = "/metrics", **headers: str) -> int:
    """The status of the answer to one request."""
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("nobody reads requests")

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": pairs,
        "client": ("192.0.2.1", 4711),
    }
    await guard(scope, receive, send)
    (only,) = statuses
    return only


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("LocalHost:8084", True),
        ("127.0.0.1", True),
        ("127.9.9.9:80", True),
        ("[::1]:8084", True),
        ("[::1]", True),
        ("", False),
        ("evil.example", False),
        ("localhost.evil.example:8084", False),
        ("127.0.0.1.evil.example", False),
        ("192.0.2.1", False),
        ("[2001:db8::1]:80", False),
        ("[localhost", True),
        ("[", False),
    ],
)
def test_only_loopback_addresses_and_localhost_name_this_machine(
    host: str, is_loopback: bool
) -> None:
    assert names_loopback(host) is is_loopback


async def test_on_loopback_another_hosts_name_is_refused_and_counted() -> None:
    refusals, auth = Refusals(), BasicAuth()
    guard = Guard(fine, WebConfig, auth, refusals, 4, is_loopback=True)
    assert await status(guard, host="evil.example") == 421
    assert await status(guard, host="localhost:1") == 200
    assert await status(guard) == 200  # HTTP/1.0
    assert refusals.counts == {HttpReason.WRONG_HOST: 1}
    elsewhere = Guard(fine, WebConfig, auth, refusals, 4)
    assert await status(elsewhere, host="stats.example") == 200
    auth.close()


async def test_a_login_that_cannot_be_checked_is_a_500_with_one_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals, auth = Refusals(), BasicAuth()
    config = WebConfig(users={"user": "$2y$04$" + "z" * 53})
    guard = Guard(fine, lambda: config, auth, refusals, 4)
    for _ in range(5):
        assert await status(guard, authorization="Basic dXNlcjpwYXNzd29yZA==") == 500
    assert refusals.counts == {HttpReason.INTERNAL_ERROR: 5}
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    auth.close()
