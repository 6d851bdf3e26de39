"""How far a long command is: a bar on a terminal, else a line now and then."""

from typing import TextIO

BAR_WIDTH = 30
TERMINAL_SECONDS = 0.2
LOG_SECONDS = 10.0


class Progress:
    """Rows done out of all rows, told to `stream`; times are seconds of any steady clock."""

    def __init__(self, stream: TextIO, total: int, now: float) -> None:
        self._stream = stream
        self._total = max(total, 1)
        self._bar = stream.isatty()
        self._began = now
        self._told = now
        self._done = 0

    def add(self, rows: int, now: float) -> None:
        """Say so, unless something was said just before."""
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
