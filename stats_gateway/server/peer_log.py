"""What is said in the log about peers that misbehave: who and why, and never too often."""

import logging
from dataclasses import dataclass, field

from stats_gateway.server.admission import client_network
from stats_gateway.server.throttle import Throttle

log = logging.getLogger(__name__)

MAX_DETAIL = 200
"""Characters of a detail that are logged: a detail may quote what a peer sent."""

LOG_SECONDS = 60.0
"""How often one peer may be complained about for one reason."""


@dataclass(frozen=True, slots=True)
class PeerLog:
    """Log lines about peers. Times are monotonic seconds."""

    throttle: Throttle = field(default_factory=lambda: Throttle(LOG_SECONDS))

    def add(
        self,
        address: str,
        port: int,
        reason: str,
        detail: str,
        now: float,
        *,
        level: int = logging.WARNING,
    ) -> None:
        """Log what the peer did, unless that was said of its address a moment ago."""
        held_back = self.throttle.ask((client_network(address), reason), now)
        if held_back is not None:
            again = f" (and {held_back} times since the last such line)" if held_back else ""
            said = detail if len(detail) <= MAX_DETAIL else f"{detail[:MAX_DETAIL]}..."
            log.log(level, "%s: %s: %s%s", shown(address, port), reason, said, again)


def shown(address: str, port: int) -> str:
    """`address` and `port` as they are written together."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
