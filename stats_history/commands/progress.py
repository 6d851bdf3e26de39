"""This module shows the progress of a long command: a bar on a terminal, else a line at times."""

from typing import TextIO

BAR_WIDTH = 30
TERMINAL_SECONDS = 0.2
LOG_SECONDS = 10.0


class Progress:
    """Tells `stream` how many of all rows are done; times are seconds of any steady clock."""

    def __init__(self, stream: TextIO, total: int, now: float) -> None:
        self._stream = stream
        self._total = max(total, 1)
        self._bar = stream.isatty()
        self._began = now
        self._told = now
        self._done = 0

    def add(self, rows: int, now: float) -> None:
        """Count rows as done, and tell so unless the last line was written just before."""
        self._done += rows
        if now - self._told >= (TERMINAL_SECONDS if self._bar else LOG_SECONDS):
            self._told = now
            self._tell(now)

    def close(self) -> None:
        """Clear the bar away, so that what follows begins on a line of its own."""
        if self._bar:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _tell(self, now: float) -> None:
        share = min(self._done / self._total, 1.0)
        left = (now - self._began) * (1 - share) / share if share else 0.0
        text = f"{share:4.0%}  {self._done:,} of {self._total:,} rows, {left:,.0f} s left"
        if self._bar:
            filled = round(share * BAR_WIDTH)
            self._stream.write(f"\r[{'#' * filled:<{BAR_WIDTH}}] {text}\x1b[K")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
