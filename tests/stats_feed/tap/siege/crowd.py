"""`python -m tests.stats_feed.tap.siege.crowd PORT COUNT SEED`: who besieges a tap, until killed.

So many connect, write nothing or half a line, and stay. Some more come and go without end: they
flood, or take nothing of what they have asked for.
"""

import argparse
import asyncio
import contextlib
import resource
import socket
import struct
from random import Random

from tests.security.crowd import LOOPBACK, say_all_there
from tests.stats_feed.tap.passing.mining import POUR

BUSY = 30
HALVES = (b"", b"", b'{"id": 1, "method": "mining.sub', b'{"id": 1, "params": ["' + b"x" * 500)
JUNK = (
    b"no json\n" * 5_000,
    b"[]\n" * 5_000,
    b"x" * 200_000 + b"\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b'{"id": {}, "method": 7}\n' * 1_000,
    b'{"id": 4, "method": "mining.submit", "params": []}\n' * 3_000,
)
SMALL_BUFFER = 4096


def half_open(number: int, port: int) -> socket.socket:
    """One that stays."""
    peer = socket.create_connection((LOOPBACK, port), timeout=60)
    peer.send(HALVES[number % len(HALVES)])
    return peer


async def be_busy(random: Random, port: int) -> None:
    """One after the other, without end."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await once(random, port)
        await asyncio.sleep(random.expovariate(10))


async def once(random: Random, port: int) -> None:
    """Flood, or take nothing of what is poured out, and end in one way or the other."""
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        async with asyncio.timeout(10):
            await loop.sock_connect(peer, (LOOPBACK, port))
            is_deaf = random.random() < 0.3
            await loop.sock_sendall(peer, POUR if is_deaf else random.choice(JUNK))
            await asyncio.sleep(random.expovariate(0.5 if is_deaf else 5))
        if random.random() < 0.5:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def besiege(port: int, count: int, seed: str) -> None:
    """All of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    peers = [half_open(number, port) for number in range(count)]
    async with asyncio.TaskGroup() as busy:
        for number in range(BUSY):
            busy.create_task(be_busy(Random(f"{seed}/{number}"), port))
        say_all_there()
    for peer in peers:
        peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("seed")
    asyncio.run(besiege(**vars(parser.parse_args())))
