import io
import json
import logging

import pytest

from exporters.logs import MAX_LINE_BYTES, configure_logging
from exporters.settings.tables.log import LogFormat, LogLevel

HOSTILE = [
    'new\nline level=error msg="x"',
    "carriage\rreturn",
    "\x1b[31mred\x07",
    "lone \ud800",
    '"quoted" \\ back',
    "line\u2028separator\x85",
    "",
]

log = logging.getLogger("tests.logs")

pytestmark = pytest.mark.usefixtures("_restored_logging")


def logged(
    format_: LogFormat, message: str, *arguments: object, level: LogLevel = LogLevel.INFO
) -> str:
    stream = io.StringIO()
    configure_logging(level, format_, stream)
    log.info(message, *arguments)
    return stream.getvalue()


@pytest.mark.parametrize("format_", LogFormat)
@pytest.mark.parametrize("text", HOSTILE)
def test_an_event_is_one_line_of_printable_text_whatever_a_peer_put_in_it(
    format_: LogFormat, text: str
) -> None:
    for message in ("%s", "peer said %s"):
        line = logged(format_, message, text)
        assert line.endswith("\n")
        assert line[:-1].isprintable()
        line.encode()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_json_line_carries_the_text_as_it_was(text: str) -> None:
    event = json.loads(logged(LogFormat.JSON, "%s", text))
    assert event.keys() == {"ts", "level", "logger", "msg"}
    assert event["msg"] == text
    assert (event["level"], event["logger"]) == ("info", "tests.logs")


def test_a_logfmt_line_has_quotes_where_they_are_needed() -> None:
    line = logged(LogFormat.LOGFMT, "stopped")
    assert line.endswith(" level=info logger=tests.logs msg=stopped\n")
    assert line.startswith("ts=2")
    assert line.split(" ")[0].endswith("Z")
    assert logged(LogFormat.LOGFMT, 'a "b" c').endswith(' msg="a \\"b\\" c"\n')
    assert logged(LogFormat.LOGFMT, "a=b").endswith(' msg="a=b"\n')


@pytest.mark.parametrize("format_", LogFormat)
def test_a_traceback_stays_on_the_line(format_: LogFormat) -> None:
    stream = io.StringIO()
    configure_logging(LogLevel.INFO, format_, stream)
    try:
        int("first\nsecond")
    except ValueError:
        log.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: invalid literal" in line
    assert "level" in line


def test_what_is_below_the_level_is_not_written() -> None:
    assert logged(LogFormat.LOGFMT, "quiet", level=LogLevel.WARN) == ""


@pytest.mark.parametrize("format_", LogFormat)
@pytest.mark.parametrize("text", ["a", "\n", "\ud800", "é", "⛏", "😀", "\x00", '"', " b"])
def test_a_line_is_bounded_in_bytes_whatever_a_peer_put_in_it(
    format_: LogFormat, text: str
) -> None:
    line = logged(format_, "begins %s", text * 1_000_000)
    assert len(line.encode()) <= MAX_LINE_BYTES
    assert "begins" in line
    assert "more characters" in line


@pytest.mark.parametrize("format_", LogFormat)
def test_a_traceback_is_bounded_in_bytes_and_keeps_its_end(format_: LogFormat) -> None:
    stream = io.StringIO()
    configure_logging(LogLevel.INFO, format_, stream)

    def deep(left: int) -> None:
        if left == 0:
            raise ValueError("the cause")
        deep(left - 1) if left % 2 else deeper(left - 1)

    def deeper(left: int) -> None:
        deep(left)

    try:
        deep(500)
    except ValueError:
        log.exception("%s", "😀" * 100_000)
    line = stream.getvalue()
    assert len(line.encode()) <= MAX_LINE_BYTES
    assert "ValueError: the cause" in line


def test_a_text_that_fits_is_written_whole() -> None:
    assert "x" * 300 in logged(LogFormat.LOGFMT, "x" * 300)
    assert logged(LogFormat.JSON, "%s", "x" * 4_000).count("x" * 4_000) == 1
