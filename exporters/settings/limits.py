"""The bounds on what HTTP clients may cost, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WebLimits:
    """The bounds that an operator may change."""

    max_requests: int = 40
    """Requests answered at once, as in other exporters: each may hold a whole exposition."""

    max_connections: int = 512
    """Open connections: a scraper needs one, a browser six."""

    request_seconds: float = 10.0
    """For a request's header, from its first byte or from the start of the connection."""

    response_seconds: float = 60.0
    """From a request to the end of its answer: no scraper waits longer."""
