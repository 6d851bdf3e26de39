"""Miners and the pool at the other end of their connections, all in this process."""

import socket
import time
from contextlib import ExitStack
from typing import Self

from benchmarks.common.clients import TIMEOUT_SECONDS, Address

WORKER = "farm.rig-{number}"
SHARE = (
    '{{"id": {id}, "method": "mining.submit", "params": ["' + WORKER + '", "1f3a", '
    '"00000000", "6530d1b7", "0000abcd"]}}\n'
)
ANSWER = '{{"id": {id}, "result": true, "error": null}}\n'
JOB = (
    '{"id": null, "method": "mining.notify", "params": ["1f3a", "'
    + "00" * 32
    + '", "'
    + "01" * 120
    + '", "'
    + "02" * 200
    + '", ['
    + ", ".join(f'"{"ab" * 32}"' for _ in range(12))
    + '], "20000000", "17034219", "6530d1b7", false]}\n'
).encode()
"""As a mainnet block with some thousands of transactions has: 1.6 KB."""


class Crowd:
    """Connected miners, and the pool's sockets in the same order. `port` is the pool's."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._listener.settimeout(TIMEOUT_SECONDS)
        self.address: Address = self._listener.getsockname()
        self.miners: list[socket.socket] = []
        self.pool: list[socket.socket] = []
        self._ids = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def connect(self, via: Address, count: int) -> None:
        """Connect `count` miners through `via`, and let each begin its session."""
        for number in range(len(self.miners), len(self.miners) + count):
            miner = self._stack.enter_context(socket.create_connection(via, TIMEOUT_SECONDS))
            upstream = self._stack.enter_context(self._listener.accept()[0])
            for one in (miner, upstream):
                one.settimeout(TIMEOUT_SECONDS)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.miners.append(miner)
            self.pool.append(upstream)
            self._begin(miner, upstream, WORKER.format(number=number))

    def exchange(self, number: int) -> tuple[float, float]:
        """Let one miner send a share and the pool answer; seconds until each has arrived."""
        miner, upstream = self.miners[number], self.pool[number]
        self._ids += 1
        share = SHARE.format(id=self._ids, number=number).encode()
        answer = ANSWER.format(id=self._ids).encode()
        return _pass(miner, upstream, share), _pass(upstream, miner, answer)

    def broadcast(self) -> float:
        """Write a job to every miner; seconds until the last one has it."""
        began = time.perf_counter()
        for upstream in self.pool:
            upstream.sendall(JOB)
        for miner in self.miners:
            _receive(miner, len(JOB))
        return time.perf_counter() - began

    @staticmethod
    def _begin(miner: socket.socket, upstream: socket.socket, worker: str) -> None:
        for asked, told in (
            ('"mining.subscribe", "params": ["cgminer/4.11.1"]', '[[], "08000002", 4]'),
            (f'"mining.authorize", "params": ["{worker}", "x"]', "true"),
        ):
            _pass(miner, upstream, f'{{"id": 1, "method": {asked}}}\n'.encode())
            _pass(upstream, miner, f'{{"id": 1, "result": {told}, "error": null}}\n'.encode())
        told = '{"id": null, "method": "mining.set_difficulty", "params": [65536]}\n'
        _pass(upstream, miner, told.encode() + JOB)


def _pass(source: socket.socket, destination: socket.socket, data: bytes) -> float:
    began = time.perf_counter()
    source.sendall(data)
    _receive(destination, len(data))
    return time.perf_counter() - began


def _receive(connection: socket.socket, size: int) -> None:
    while size:
        received = len(connection.recv(size))
        if not received:
            raise EOFError("a contestant has closed a connection")
        size -= received
