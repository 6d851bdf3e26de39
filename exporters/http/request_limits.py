"""Bounds how many requests are under way at once, and how many come in a time."""

from collections import Counter

from exporters.access.web_config import RateLimit

RESERVED_PART = 4
"""One slot in this many is kept for clients that hold none."""


class Slots:
    """Places for what is under way at once, requests or checks, shared fairly between clients.

    Of 40 slots, one client has at most 20. The last 10 go only to clients that hold none: two
    clients that take all they can leave 10 others their first answer.
    """

    def __init__(self, most: int, most_of_one: int | None = None) -> None:
        self._most = most
        self._most_of_one = most_of_one or max(1, most // 2)
        self._most_of_many = most - most // RESERVED_PART
        self._taken: Counter[str] = Counter()

    def has_one_for(self, client: str) -> bool:
        """Whether `client` may take a slot."""
        held, taken = self._taken[client], self._taken.total()
        if not held:
            return taken < self._most
        return held < self._most_of_one and taken < self._most_of_many

    def take(self, client: str) -> None:
        """Take a slot; the caller has asked whether there is one."""
        self._taken[client] += 1

    def give_back(self, client: str) -> None:
        """Give back a slot that was taken."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]


class Bucket:
    """A bucket of tokens, into which one token drops each interval until it is full."""

    def __init__(self) -> None:
        self._limit: RateLimit | None = None
        self._tokens = 0.0
        self._filled = 0.0

    def take(self, limit: RateLimit, now: float) -> bool:
        """Whether there is a token at monotonic `now`; the bucket is full when `limit` is new."""
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
