"""What stands before every answer: who may ask, how many at once, and headers for browsers."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporters.access.web_config import RateLimit, WebConfig
from exporters.endpoints.responses import error
from exporters.exposition.refusals import HttpReason, Refusals
from exporters.http.basic_auth import BasicAuth, Verdict
from stats_gateway.server.throttle import Throttle

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""For probes of orchestrators, which have no password; they say nothing but that we are there."""

LIST_PATHS = frozenset({"/api/miners", "/api/connections"})
MAX_LISTS = 8
"""Of the requests for these answered at once: all of 100,000 rows as JSON take 30 MB."""

MAX_PATH_CHARACTERS = 512
"""Several times the longest path there is; int() refuses thousands of digits with an exception."""

TRACE_SECONDS = 60.0
"""How often one kind of unforeseen error is logged with its trace."""

RETRY_SECONDS = 1
"""When who was turned away is told to come again: most answers take milliseconds."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of pages: everything they use is in files of this service, and nothing is inline."""


class Guard:
    """An ASGI application around another."""

    def __init__(
        self,
        app: ASGIApp,
        config: Callable[[], WebConfig],
        auth: BasicAuth,
        refusals: Refusals,
        max_requests: int,
    ) -> None:
        self._app = app
        self._config = config
        self._auth = auth
        self._refusals = refusals
        self._slots = Slots(max_requests)
        self._list_slots = Slots(MAX_LISTS)
        self._traces = Throttle(TRACE_SECONDS)
        self._bucket = Bucket()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say why not."""
        config = self._config()
        send = _with_headers(send, config)
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        client: tuple[str, int] = scope["client"] or ("unknown", 0)
        refusal = await self._login(config, scope, client) or self._crowd(config, scope, client)
        if refusal is not None:
            self._refusals.add(refusal.reason, client, refusal.detail)
            answer = error(refusal.status, refusal.detail, refusal.headers)
            await answer(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as unforeseen:
            # It has been answered with 500 already.
            self._refusals.add(HttpReason.INTERNAL_ERROR, client, repr(unforeseen))
            if self._traces.ask(repr(type(unforeseen)), monotonic()) is not None:
                log.exception("unforeseen, please report it")
        finally:
            for slots in self._slots_for(scope["path"]):
                slots.give_back(client[0])

    async def _login(
        self, config: WebConfig, scope: Scope, client: tuple[str, int]
    ) -> "_Refusal | None":
        if not config.users:
            return None
        header = Headers(scope=scope).get("authorization", "")
        match await self._auth.check(header, config.users, client[0]):
            case Verdict.GOOD:
                return None
            case Verdict.BUSY:
                detail = "too many logins are being checked"
                return _Refusal(HttpReason.UNAUTHORIZED, 503, detail, _AGAIN)
            case Verdict.BAD:
                detail = "a user and password are required"
                return _Refusal(HttpReason.UNAUTHORIZED, 401, detail, _ASK)

    def _crowd(self, config: WebConfig, scope: Scope, client: tuple[str, int]) -> "_Refusal | None":
        """Why there is no room for one more, if so; else its slots are taken."""
        if len(scope["path"]) > MAX_PATH_CHARACTERS:
            return _Refusal(HttpReason.BAD_REQUEST, 414, "the path is too long", {})
        # Only who was let in counts, so that nobody else can use it up.
        if config.rate_limit is not None and not self._bucket.take(config.rate_limit, monotonic()):
            return _Refusal(HttpReason.RATE_LIMIT, 429, "more than rate_limit allows", _AGAIN)
        wanted = self._slots_for(scope["path"])
        if not all(slots.has_one_for(client[0]) for slots in wanted):
            detail = "too many requests at once"
            return _Refusal(HttpReason.TOO_MANY_REQUESTS, 503, detail, _AGAIN)
        for slots in wanted:
            slots.take(client[0])
        return None

    def _slots_for(self, path: str) -> tuple["Slots", ...]:
        return (self._list_slots, self._slots) if path in LIST_PATHS else (self._slots,)


_AGAIN = {"Retry-After": str(RETRY_SECONDS)}
_ASK = {"WWW-Authenticate": 'Basic realm="stats", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: HttpReason
    status: int
    detail: str
    headers: Mapping[str, str]


class Slots:
    """How many requests are answered at once; one address has at most half of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_of_one = max(1, most // 2)
        self._taken: Counter[str] = Counter()

    def has_one_for(self, address: str) -> bool:
        """Whether `address` may take one."""
        return self._taken.total() < self._most and self._taken[address] < self._most_of_one

    def take(self, address: str) -> None:
        """Take one; the caller has asked whether there is one."""
        self._taken[address] += 1

    def give_back(self, address: str) -> None:
        """End what `take` began."""
        self._taken[address] -= 1
        if not self._taken[address]:
            del self._taken[address]


class Bucket:
    """A bucket of tokens: one more each interval, up to the burst."""

    def __init__(self) -> None:
        self._limit: RateLimit | None = None
        self._tokens = 0.0
        self._filled = 0.0

    def take(self, limit: RateLimit, now: float) -> bool:
        """Whether there is a token at monotonic `now`; it is full when `limit` is new."""
        if limit != self._limit:
            self._limit, self._tokens = limit, limit.burst
        else:
            more = (now - self._filled) / limit.interval
            self._tokens = min(limit.burst, self._tokens + more)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


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
