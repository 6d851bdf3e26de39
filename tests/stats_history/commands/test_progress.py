"""Telling how far a command is."""

import io

from stats_history.commands.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_is_cleared_at_the_end() -> None:
    stream = Terminal()
    progress = Progress(stream, 200, now=0.0)
    progress.add(50, now=0.1)
    progress.add(50, now=1.0)
    progress.close()
    assert stream.getvalue() == (
        "\r[###############               ]  50%  100 of 200 rows, 1 s left\x1b[K\r\x1b[K"
    )


def test_a_file_gets_a_line_every_ten_seconds() -> None:
    stream = io.StringIO()
    progress = Progress(stream, 400, now=0.0)
    for second in range(1, 21):
        progress.add(10, now=float(second))
    progress.close()
    assert stream.getvalue() == (
        " 25%  100 of 400 rows, 30 s left\n 50%  200 of 400 rows, 20 s left\n"
    )
