"""History asked of something that answers as a test says, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

from exporters.endpoints.documents.manuals import read_manual
from exporters.endpoints.history.alerts import AlertEndpoints
from exporters.endpoints.history.charts import ChartEndpoints
from exporters.endpoints.history.hashrate import HistoryEndpoints
from exporters.history.answers import History
from exporters.history.client import Prometheus
from exporters.history.drawn import Drawn
from exporters.history.promql import FAMILIES, Matcher
from stats_gateway.clock import Now
from stats_gateway.wire.services import Service
from tests.support.routes import Get, serving_routes
from tests.support.senders import at

Form = dict[str, str]

OK = "200 OK"


def matrix(points: Iterable[tuple[float, str]]) -> bytes:
    """One series, as Prometheus answers."""
    series = [{"metric": {}, "values": list(points)}]
    return json.dumps({"status": "success", "data": {"result": series}}).encode()


class Server:
    """Answers each question with what `answer` makes of its form and remembers the questions."""

    def __init__(self, answer: Callable[[Form], Awaitable[bytes]], status: str = OK) -> None:
        self.answer = answer
        self.status = status
        self.forms: list[Form] = []
        self.heads: list[str] = []
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = (
                int(line.split(":")[1])
                for line in head.splitlines()
                if line.lower().startswith("content-length")
            )
            # A question for alerts has no form.
            content = (await reader.readexactly(next(lengths, 0))).decode()
            form = parse_qs(content, strict_parsing=bool(content))
            self.heads.append(head)
            self.forms.append({name: values[0] for name, values in form.items()})
            body = await self.answer(self.forms[-1])
            writer.write(f"HTTP/1.1 {self.status}\r\ncontent-length: {len(body)}\r\n\r\n".encode())
            writer.write(body)
            await writer.drain()
            await reader.read()
        except (ConnectionError, EOFError):
            pass  # a client that waited long enough goes, perhaps before its question is whole
        finally:
            self.open -= 1
            writer.close()


async def constantly(form: Form) -> bytes:
    """1 at every point."""
    return matrix((when, "1") for when in times(form))


def times(form: Form) -> range:
    """The points a question asks for."""
    return range(int(form["start"]), int(form["end"]) + 1, int(form["step"]))


@asynccontextmanager
async def history(
    server: Server,
    service: Service = Service.PROXY,
    *,
    path: str = "",
    rows: int = 10,
    scraped_as: tuple[Matcher, ...] = (),
    authorization_file: Path | None = None,
    clock: Callable[[], Now] = lambda: at(0),
) -> AsyncIterator[Get]:
    """The paths of history and alerts, asked of `server`."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    prometheus = Prometheus(f"http://127.0.0.1:{port}{path}", authorization_file)
    async with listening, prometheus:
        asked = History(prometheus, FAMILIES[service], scraped_as, lambda: rows)
        drawn = Drawn(prometheus, service, scraped_as)
        routes = [
            *HistoryEndpoints(service=service, history=asked, clock=clock).routes(),
            *ChartEndpoints(service=service, drawn=drawn, clock=clock).routes(),
            *AlertEndpoints(
                service=service, drawn=drawn, clock=clock, runbook=read_manual("runbook", service)
            ).routes(),
        ]
        async with serving_routes(routes) as get:
            yield get
