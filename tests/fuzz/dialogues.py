"""`python -m tests.fuzz.dialogues SERVICE PORT COUNT SEED`: a crowd of hostile peers.

Each follows one script after the other, until it is killed. They connect from eight addresses that
the good sender does not have.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import socket
import struct

from stats_gateway.wire.services import Service
from tests.fuzz.scripts import End, Read, Say, Script, Step, Wait, draw_script
from tests.security.crowd import LOOPBACK, say_all_there

STEP_SECONDS = 5.0
"""What a step may take: a peer does not wait longer for a service that does not read."""

SLOW_BYTES = 2048
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 10)]


async def converse(script: Script, address: str, port: int) -> None:
    """Do all that `script` says over one connection. Raises OSError where the service ends it."""
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setblocking(False)
        if script.reads_slowly:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        peer.bind((address, 0))
        await loop.sock_connect(peer, (LOOPBACK, port))
        for step in script.steps:
            await perform(step, peer)
        if script.end is End.RESET:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if script.end is End.HALF_CLOSE:
            peer.shutdown(socket.SHUT_WR)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STEP_SECONDS):
                    while await loop.sock_recv(peer, 65536):
                        pass


async def perform(step: Step, peer: socket.socket) -> None:
    """Do one step, or as much of it as the service lets be done."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STEP_SECONDS):
            match step:
                case Say(data):
                    await loop.sock_sendall(peer, data)
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Read(count):
                    await asyncio.wait_for(loop.sock_recv(peer, count), 0.1)


async def live(number: int, service: Service, port: int, seed: str) -> None:
    """One peer after the other, without end."""
    address = ADDRESSES[number % len(ADDRESSES)]
    for dialogue in itertools.count():
        script = draw_script(random.Random(f"{seed}/{number}/{dialogue}"), service)
        with contextlib.suppress(OSError):
            await converse(script, address, port)
        await asyncio.sleep(0.01)


async def crowd(service: Service, port: int, count: int, seed: str) -> None:
    """So many peers at once."""
    async with asyncio.TaskGroup() as peers:
        for number in range(count):
            peers.create_task(live(number, service, port, seed))
        say_all_there()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", type=Service)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("seed")
    asyncio.run(crowd(**vars(parser.parse_args())))
