"""Keeps the exposition up to date: renders and compresses each change before anyone asks.

Rendering runs on the worker thread. Changes that come meanwhile are rendered together next time,
and a pause after each rendering, in proportion to what it took, leaves the processor to others.
"""

import asyncio
from concurrent.futures import Executor
from functools import partial
from time import monotonic
from typing import Generic

from exporters.exposition.body import EVERYTHING, Selection, assemble
from exporters.exposition.families.family import RowsT
from exporters.exposition.gzip_parts import Deflated
from exporters.exposition.render import Exposition, Renderer
from exporters.exposition.self_metrics import SelfMetrics
from exporters.exposition.text_format import Format
from stats_gateway.intake.counters import Counters
from stats_gateway.store.store import Store

PAUSE_RATIO = 2.0
"""The pause after a rendering is this many times as long as the rendering: a third of a core."""

MAX_PAUSE_SECONDS = 0.5
"""The longest pause: an exposition is never older than this plus the time of a rendering."""


class Publisher(Generic[RowsT]):
    """Holds the newest exposition, and the bodies made of it."""

    def __init__(
        self,
        store: Store,
        renderer: Renderer[RowsT],
        counters: Counters,
        self_metrics: SelfMetrics,
        worker: Executor,
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._counters = counters
        self._self_metrics = self_metrics
        self._worker = worker
        self._changed = asyncio.Event()
        self._bodies: dict[Format, asyncio.Future[Deflated]] = {}
        self.exposition: Exposition[RowsT] = renderer.render(store.view)
        store.subscribe(self._changed.set)

    async def run(self) -> None:
        """Render every change, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = monotonic()
            await self._publish()
            await asyncio.sleep(min((monotonic() - began) * PAUSE_RATIO, MAX_PAUSE_SECONDS))

    async def _publish(self) -> None:
        waiting, self._counters.waiting = self._counters.waiting, []
        loop = asyncio.get_running_loop()
        render = partial(self._renderer.render, self._store.view)
        self.exposition = await loop.run_in_executor(self._worker, render)
        self._bodies = {}
        now = monotonic()
        for received in waiting:
            self._self_metrics.apply_seconds.observe(now - received)

    async def body(self, selection: Selection, format_: Format) -> Deflated:
        """The selected part of the newest exposition; all who ask for everything share one body.

        Everything in it is rendered and compressed already, so this only strings pieces together.
        """
        assembly = partial(assemble, self.exposition, selection, format_)
        if selection != EVERYTHING:
            return await asyncio.to_thread(assembly)
        body = self._bodies.get(format_)
        if body is None or (body.done() and body.exception() is not None):
            # Also after a failure: there may be memory for the body now.
            body = self._bodies[format_] = asyncio.create_task(asyncio.to_thread(assembly))
        # Shielded, so that one client that goes away does not take the body from the others.
        return await asyncio.shield(body)
