"""Which loopback ports the demo's programs listen on."""

import contextlib
import socket
from dataclasses import asdict, dataclass

LOOPBACK = "127.0.0.1"

STEP, HIGHEST = 100, 65_536
"""A port in use is replaced by the next free one of 8184, 8284 and so on. Those are ports that the
kernel gives to nobody by itself: some programs of the demo take theirs many seconds later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port per listener; the defaults are the programs' own."""

    proxy_ingest: int = 8082
    proxy_web: int = 8084
    pool_ingest: int = 9083
    pool_web: int = 9084
    sri_api: int = 9092
    feed_web: int = 9085
    tap: int = 3334
    tap_upstream: int = 3333
    tap_web: int = 9086
    prometheus: int = 9090
    alertmanager: int = 9093
    grafana: int = 3000


def choose_ports(wanted: Ports) -> Ports:
    """The wanted ports, with a free one in place of each that is in use."""
    with contextlib.ExitStack() as held:  # until all are chosen, so that none is chosen twice
        chosen = {name: _free_port(port, held) for name, port in asdict(wanted).items()}
    return Ports(**chosen)


def moved_ports(wanted: Ports, chosen: Ports) -> dict[int, int]:
    """What was chosen in place of each wanted port that was in use."""
    pairs = zip(asdict(wanted).values(), asdict(chosen).values(), strict=True)
    return {before: after for before, after in pairs if before != after}


def _free_port(wanted: int, held: contextlib.ExitStack) -> int:
    for port in range(wanted, HIGHEST, STEP):
        probe = socket.socket()
        # As servers do: a port whose connections still linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            probe.close()
        else:
            held.enter_context(probe)
            return port
    raise OSError(f"port {wanted} is in use, and so is every {STEP}th port above it")
