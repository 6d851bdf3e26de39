"""How long to wait before the next attempt to connect."""

from collections.abc import Iterator
from random import Random

# A restarted gateway is back within a second or two: the first attempts come quickly.
FIRST_DELAY = 0.5

# One interval: a gateway that is back waits no longer for us than for an ordinary snapshot.
MAX_DELAY = 10.0


def backoff(
    random: Random, *, first: float = FIRST_DELAY, maximum: float = MAX_DELAY
) -> Iterator[float]:
    """Yield delays in seconds, without end: exponential, with full jitter.

    The n-th delay is uniform between 0 and `min(maximum, first * 2**n)`, so that many senders
    that lost one gateway together do not come back together ("Exponential Backoff And Jitter",
    AWS Architecture Blog, 2015).
    """
    ceiling = first
    while True:
        yield random.uniform(0.0, min(ceiling, maximum))
        ceiling = min(ceiling * 2.0, maximum)
