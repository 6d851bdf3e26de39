import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from threading import Event
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from exporters.exposition import publisher
from exporters.exposition.body import EVERYTHING, Selection
from exporters.exposition.families.proxy import LAYOUT
from exporters.exposition.gzip_parts import inflate
from exporters.exposition.publisher import Publisher
from exporters.exposition.render import Renderer
from exporters.exposition.self_metrics import SelfMetrics
from exporters.exposition.text_format import Format
from stats_gateway.intake.counters import Counters
from stats_gateway.rows.rows import MinerRows
from stats_gateway.wire.services import Service
from tests.support.expositions import samples
from tests.support.ingest import until
from tests.support.senders import Senders
from tests.support.snapshots import miner, miner_snapshot

DOWNSTREAMS = ("stats_gateway_downstreams", (("source", "a"),))


@dataclass
class Published:
    """A publisher at work, what it publishes, and the one thread that it renders on."""

    senders: Senders
    counters: Counters
    publisher: Publisher[MinerRows]
    registry: CollectorRegistry
    worker: ThreadPoolExecutor

    async def rows(self, selection: Selection = EVERYTHING) -> float | None:
        """How many rows source `a` has in the body as it is now."""
        body = await self.publisher.body(selection, Format.TEXT)
        return samples(b"".join(inflate(body))).get(DOWNSTREAMS)

    async def until_rendered(self, change: Callable[[], None]) -> None:
        """Make a change and wait until it is what is published."""
        before = self.publisher.exposition
        change()
        await until(lambda: self.publisher.exposition is not before)

    def lines(self) -> bytes:
        """What is rendered of the number of rows."""
        pieces = self.publisher.exposition.sources.get("a")
        return b"" if pieces is None else pieces.lines[DOWNSTREAMS[0]]

    def send(self, *ids: int) -> None:
        """A snapshot of these rows."""
        self.senders.send(1, miner_snapshot(*map(miner, ids)))


@asynccontextmanager
async def publishing() -> AsyncIterator[Published]:
    senders, counters, registry = Senders(), Counters(), CollectorRegistry()
    senders.hello(1, "a")
    with ThreadPoolExecutor(1) as worker:
        self_metrics = SelfMetrics(Service.PROXY, counters, registry)
        renderer = Renderer(LAYOUT, None)
        running_publisher = Publisher(senders.store, renderer, counters, self_metrics, worker)
        running = asyncio.create_task(running_publisher.run())
        yield Published(senders, counters, running_publisher, registry, worker)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_there_is_an_exposition_before_the_first_source() -> None:
    async with publishing() as published:
        assert await published.rows() is None


async def test_a_change_is_rendered_before_anyone_asks() -> None:
    async with publishing() as published:
        await published.until_rendered(lambda: published.send(1, 2))
        assert await published.rows() == 2
        assert await published.rows(Selection(sources=frozenset({"a"}))) == 2
        assert await published.rows(Selection(sources=frozenset({"b"}))) is None


async def test_all_who_ask_for_everything_share_one_body_until_the_next_change() -> None:
    async with publishing() as published:
        ask = published.publisher.body
        first, second = await asyncio.gather(*(ask(EVERYTHING, Format.TEXT) for _ in range(2)))
        assert first is second
        await published.until_rendered(lambda: published.send(1))
        assert await ask(EVERYTHING, Format.TEXT) is not first
        assert await published.rows() == 1


async def test_one_who_goes_away_does_not_take_the_body_from_the_others() -> None:
    async with publishing() as published:
        ask = published.publisher.body
        leaving = asyncio.create_task(ask(EVERYTHING, Format.TEXT))
        staying = asyncio.create_task(ask(EVERYTHING, Format.TEXT))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).size > 0


async def test_changes_that_come_while_rendering_are_rendered_next() -> None:
    async with publishing() as published:
        go_on = Event()
        blocked = published.worker.submit(go_on.wait)
        before = published.publisher.exposition
        for count in (1, 2, 3):
            published.send(*range(count))
            await asyncio.sleep(0)
            assert published.publisher.exposition is before
        go_on.set()
        await asyncio.wrap_future(blocked)
        await until(lambda: b" 3\n" in published.lines())
        assert await published.rows() == 3


async def test_the_time_from_arrival_to_being_visible_is_observed() -> None:
    async with publishing() as published:
        published.counters.waiting.append(monotonic() - 1.0)
        await published.until_rendered(lambda: published.send(1))
        assert published.counters.waiting == []
        family = "stats_gateway_snapshot_apply_seconds"
        assert published.registry.get_sample_value(f"{family}_count") == 1
        assert 1.0 <= (published.registry.get_sample_value(f"{family}_sum") or 0.0) < 10.0


async def test_a_body_for_which_there_was_no_memory_is_made_for_who_asks_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    async with publishing() as published:
        await published.until_rendered(lambda: published.send(1, 2))
        with monkeypatch.context() as patched:
            patched.setattr(publisher, "assemble", no_memory)
            with pytest.raises(MemoryError):
                await published.rows()
        assert await published.rows() == 2
