"""A program's answers over HTTP, and what a network makes of them: slow, huge, refused, cut off.

Run by itself, it is a translator whose miners come, go and work:
    python -m tests.stats_feed.sri.server 9092
"""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Self

from stats_feed.sri.api.reading import Answer
from tests.stats_feed.sri.programs import Program, Translator
from tests.support.until import POLL_SECONDS

Respond = Callable[[str], Answer]


class QuietServer(ThreadingHTTPServer):
    """Says nothing about clients that left, which is what some tests are about."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class ApiServer:
    """Serves a program on a port of 127.0.0.1. `respond` may be replaced at any time."""

    def __init__(self, program: Program, port: int = 0) -> None:
        self.program = program
        self.lock = threading.Lock()
        self.respond: Respond = program.answer
        self._open: set[socket.socket] = set()
        self._server = QuietServer(("127.0.0.1", port), self._handler())
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(
            target=self._server.serve_forever, args=[POLL_SECONDS], daemon=True
        ).start()

    def change(self, act: Callable[[], None]) -> None:
        """Let something happen, and the cache show it."""
        with self.lock:
            act()
            self.program.refresh()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self.program.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            disable_nagle_algorithm = True  # the real programs write an answer in one piece

            def setup(self) -> None:
                super().setup()
                outer._open.add(self.connection)

            def finish(self) -> None:
                super().finish()
                outer._open.discard(self.connection)

            def do_GET(self) -> None:
                with outer.lock:
                    answer = outer.respond(self.path)
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
                pass

        return Handler


def main(port: int) -> None:
    """Serve a translator at which miners come, go, work and are refused."""
    random = Random()
    program = Translator()
    with ApiServer(program, port) as server:
        print(f"an SRI translator's monitoring API at {server.url}", flush=True)  # noqa: T201 - for people
        while True:
            server.change(lambda: live(program, random))
            time.sleep(1.0)


def live(program: Translator, random: Random) -> None:
    """One second in the life of a translator with about five miners."""
    program.uptime += 1
    peers = list(program.peers.values())
    if len(peers) < 5 or random.random() < 0.01:
        name = f"farm{random.randint(1, 3)}.rig-{random.randint(1, 99)}"
        program.open_channel(program.connect(name))
    if len(peers) > 5:
        program.leave(random.choice(peers))
    for peer in peers:
        for line in peer.lines:
            # Small devices: a share of this difficulty every 10 s.
            line.hashrate = 5e12
            if random.random() < 0.1:
                line.share(11_640.0)
            if random.random() < 0.001:
                line.refuse("stale-share")


if __name__ == "__main__":
    main(int(sys.argv[1]))
