"""Stands before every answer: decides whether a request is answered, and adds headers to answers.

A request is refused for its host name, its login, the rate of requests or the number of requests
that are being answered, in this order.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporters.access.web_config import WebConfig
from exporters.endpoints.responses import error
from exporters.exposition.refusals import HttpReason, Refusals
from exporters.http.basic_auth import BasicAuth, Verdict
from exporters.http.request_limits import Bucket, Slots
from exporters.settings.addresses import Address
from stats_gateway.server.admission import client_network
from stats_gateway.server.throttle import Throttle

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""Paths for the probes of orchestrators, which have no password; the answers say nothing else."""

LIST_PATHS = frozenset({"/api/miners", "/api/connections", "/api/services", "/api/stats"})
"""Paths whose answers may have every row; `/api/stats` has them in its old shape."""

MAX_LISTS = 8
"""Requests for lists that are answered at once: 100,000 rows as JSON take 30 MB."""

MAX_PATH_CHARACTERS = 512
"""Several times the longest path there is; int() refuses thousands of digits with an exception."""

TRACE_SECONDS = 60.0
"""How often one kind of unforeseen error is logged with its trace."""

RETRY_SECONDS = 1
"""Value of the Retry-After header: most answers take milliseconds."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy for pages: all that a page uses is in files of this service, and nothing is inline."""


class Guard:
    """An ASGI application around another, which answers what is let through."""

    def __init__(
        self,
        app: ASGIApp,
        config: Callable[[], WebConfig],
        auth: BasicAuth,
        refusals: Refusals,
        max_requests: int,
        *,
        is_loopback: bool = False,
    ) -> None:
        """`is_loopback`: only this machine can connect, so only its own names may be asked for."""
        self._app = app
        self._config = config
        self._auth = auth
        self._refusals = refusals
        self._is_loopback = is_loopback
        self._slots = Slots(max_requests)
        self._list_slots = Slots(MAX_LISTS)
        self._traces = Throttle(TRACE_SECONDS)
        self._bucket = Bucket()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or say why it is not answered."""
        config = self._config()
        send = _with_headers(send, config)
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        client: tuple[str, int] = scope["client"] or ("unknown", 0)
        network = client_network(client[0])
        try:
            refusal = (
                self._misdirected(scope)
                or await self._login(config, scope, network)
                or self._reserve(config, scope, network)
            )
        except Exception as unforeseen:  # noqa: BLE001 - whatever one client brings about, the others go on
            self._trace(unforeseen)
            refusal = _Refusal(HttpReason.INTERNAL_ERROR, 500, "internal error", {})
        if refusal is not None:
            self._refusals.add(refusal.reason, client, refusal.detail)
            answer = error(refusal.status, refusal.detail, refusal.headers)
            await answer(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as unforeseen:  # noqa: BLE001 - the client has got its 500 already
            self._refusals.add(HttpReason.INTERNAL_ERROR, client, repr(unforeseen))
            self._trace(unforeseen)
        finally:
            for slots in self._slots_for(scope["path"]):
                slots.give_back(network)

    def _trace(self, unforeseen: Exception) -> None:
        if self._traces.ask(repr(type(unforeseen)), monotonic()) is not None:
            log.error("unforeseen error, please report it", exc_info=unforeseen)

    def _misdirected(self, scope: Scope) -> "_Refusal | None":
        """Refuse a page of somebody else whose name leads to this machine (DNS rebinding)."""
        host = Headers(scope=scope).get("host")
        if not self._is_loopback or host is None or names_loopback(host):
            return None
        detail = "only localhost and loopback addresses are served here, whatever Host says"
        return _Refusal(HttpReason.WRONG_HOST, 421, detail, {})

    async def _login(self, config: WebConfig, scope: Scope, network: str) -> "_Refusal | None":
        if not config.users:
            return None
        header = Headers(scope=scope).get("authorization", "")
        match await self._auth.check(header, config.users, network):
            case Verdict.GOOD:
                return None
            case Verdict.BUSY:
                detail = "too many logins are being checked"
                return _Refusal(HttpReason.TOO_MANY_LOGINS, 503, detail, _AGAIN)
            case Verdict.BAD:
                detail = "a user and password are required"
                return _Refusal(HttpReason.UNAUTHORIZED, 401, detail, _ASK)

    def _reserve(self, config: WebConfig, scope: Scope, network: str) -> "_Refusal | None":
        """Reserve the slots that the request needs, or say why there are none."""
        if len(scope["path"]) > MAX_PATH_CHARACTERS:
            return _Refusal(HttpReason.BAD_REQUEST, 414, "the path is too long", {})
        # Only requests with a good login count, so that nobody else can use up the rate.
        if config.rate_limit is not None and not self._bucket.take(config.rate_limit, monotonic()):
            return _Refusal(HttpReason.RATE_LIMIT, 429, "more than rate_limit allows", _AGAIN)
        wanted = self._slots_for(scope["path"])
        if not all(slots.has_one_for(network) for slots in wanted):
            detail = "too many requests at once"
            return _Refusal(HttpReason.TOO_MANY_REQUESTS, 503, detail, _AGAIN)
        for slots in wanted:
            slots.take(network)
        return None

    def _slots_for(self, path: str) -> tuple[Slots, ...]:
        return (self._list_slots, self._slots) if path in LIST_PATHS else (self._slots,)


def names_loopback(host: str) -> bool:
    """Whether a Host header names this machine: `localhost:8084`, `127.0.0.1`, `[::1]:8084`."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return Address(name.lower(), 0).is_loopback


_AGAIN = {"Retry-After": str(RETRY_SECONDS)}
_ASK = {"WWW-Authenticate": 'Basic realm="stats", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: HttpReason
    status: int
    detail: str
    headers: Mapping[str, str]


def _with_headers(send: Send, config: WebConfig) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            headers.update(SECURITY_HEADERS)
            headers.update(config.headers)
        await send(message)

    return send_with_headers
