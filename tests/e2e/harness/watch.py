"""Scraping without a pause while a test does something to the sender or the network."""

import threading
from collections.abc import Callable, Mapping
from typing import Self

from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import TEXT, Service, client
from tests.support.until import until

Check = Callable[[Scrape], None]
"""Asserts what must hold of every single scrape."""


class Watch:
    """Holds `check` against one scrape after the other, on a thread of its own.

    Leaving it raises what the first scrape that failed its check raised.
    """

    def __init__(
        self, service: Service, check: Check, headers: Mapping[str, str] | None = None
    ) -> None:
        self.scrapes = 0
        self._service = service
        self._check = check
        self._headers = TEXT if headers is None else headers
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def pass_by(self) -> None:
        """Return once a scrape that began after this call has been looked at."""
        # The one under way may have begun before.
        enough = self.scrapes + 2
        until(lambda: self.scrapes >= enough or not self._thread.is_alive(), what="two scrapes")

    def _run(self) -> None:
        try:
            with client(self._service.web) as kept:
                while not self._stopping.is_set():
                    self._check(kept.scrape(self._headers))
                    self.scrapes += 1
        except Exception as failure:  # noqa: BLE001 - raised again where the test sees it
            self._failure = failure


def no_row_twice(scrape: Scrape) -> None:
    """No sender is seen as two."""
    assert not scrape.rows_shown_twice()
