"""What is fuzzed: each takes any bytes, and may raise nothing but what its code promises."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporters.access.tokens import parse_tokens
from exporters.access.web_config import parse_web_config
from exporters.errors import MAX_ERROR_CHARACTERS, ConfigError
from exporters.exposition.body import EVERYTHING, assemble
from exporters.exposition.gzip_parts import inflate
from exporters.exposition.render import Renderer
from exporters.exposition.text_format import OPENMETRICS_END, Format
from exporters.http.basic_auth import parse_login
from exporters.settings.config import build_config
from exporters.settings.files import parse_toml
from stats_feed.tap.books.counts import Counts, Verdict
from stats_feed.tap.books.sessions import Book
from stats_feed.tap.reader.facts import Direction, Unreadable
from stats_gateway.clock import Now
from stats_gateway.errors import ConnectionRefused, MessageRefused
from stats_gateway.intake.intake import Intake
from stats_gateway.limits import Limits
from stats_gateway.sender import MinerSnapshot, MinerTracker, Outgoing
from stats_gateway.store.store import Store
from stats_gateway.wire.encoding import Encoding
from stats_gateway.wire.services import Service
from stats_gateway.wire.session import Session
from tests.fuzz.inputs import is_for_proxy, stream_of
from tests.support.expositions import LAYOUTS

LIMITS = Limits(max_message_bytes=1 << 16, max_refusals_in_row=1000, max_rows=1000)
MAX_PARSED_BYTES = 50_000
NOW = Now(monotonic=1000.0, unix=1_730_488_920.0)


def ingest(data: bytes) -> None:
    """A connection's bytes, from framing to what Prometheus reads of them."""
    if len(data) < 3:
        return
    service = Service.PROXY if is_for_proxy(data) else Service.POOL
    stream = stream_of(data)
    intake = Intake(Store(service, LIMITS), LIMITS)
    step = data[1] + 1
    pieces = (stream[start : start + step] for start in range(0, len(stream), step))
    with contextlib.suppress(ConnectionRefused):
        _feed(intake, pieces)
    check_exposition(intake.store)


def _feed(intake: Intake, pieces: Iterable[bytes]) -> None:
    peer = intake.connect(1, "192.0.2.1")
    session = Session(LIMITS, NOW.monotonic)
    for piece in pieces:
        for item in session.feed(piece, NOW.monotonic):
            if isinstance(item, MessageRefused):
                continue
            try:
                intake.accept(intake.read(item, session.encoding, peer, NOW), peer, NOW)
            except MessageRefused as refusal:
                intake.refuse(refusal)
                session.refused(refusal)


def check_exposition(store: Store) -> None:
    """Both formats of what `store` shows are read by prometheus-client's parsers."""
    exposition = Renderer(LAYOUTS[store.service], None).render(store.view)
    text = b"".join(inflate(assemble(exposition, EVERYTHING, Format.TEXT)))
    openmetrics = b"".join(inflate(assemble(exposition, EVERYTHING, Format.OPENMETRICS)))
    if len(text) > MAX_PARSED_BYTES:
        return
    list(parse_text(text.decode()))
    list(parse_openmetrics((openmetrics + OPENMETRICS_END).decode()))  # type: ignore[no-untyped-call]  # untyped there


def settings(data: bytes) -> None:
    """The TOML file: everything wrong with its text, its keys and its values is one line."""
    with _one_line_at_most():
        tables = parse_toml(_text(data))
        for service in Service:
            build_config(service, {}, {}, tables, "file")


def variable(data: bytes) -> None:
    """One variable of the environment, whose name and value are parted by the first `=`."""
    name, _, value = _text(data).partition("=")
    with _one_line_at_most():
        build_config(Service.PROXY, {}, {name: value}, {})


def web_config(data: bytes) -> None:
    """The web configuration."""
    with _one_line_at_most():
        parse_web_config(_text(data), Path("/nowhere"))


def tokens(data: bytes) -> None:
    """The file of senders' tokens."""
    with _one_line_at_most():
        parse_tokens(_text(data))


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


@contextlib.contextmanager
def _one_line_at_most() -> Iterator[None]:
    """Raises what is no `ConfigError`, and where the text of one is no short line."""
    text = "good"
    try:
        yield
    except ConfigError as error:
        text = str(error)
    assert text.isprintable()
    assert 0 < len(text) <= MAX_ERROR_CHARACTERS


def authorization(data: bytes) -> None:
    """The Authorization header, as HTTP hands it over."""
    parse_login(data.decode("latin-1"))


def tap(data: bytes) -> None:
    """A dialogue that passes the tap; lines that begin with `<` are for the miner.

    The gateway takes what the tap tells of it, to the share.
    """
    tracker, counts = MinerTracker(), Counts()
    session = Book(tracker, counts).open("192.0.2.1:1", NOW.unix)
    step = len(data) % 97 + 1
    for second, line in enumerate(data.splitlines(keepends=True)):
        direction = Direction.TO_MINER if line.startswith(b"<") else Direction.TO_POOL
        text = line[1:] if line[:1] in {b"<", b">"} else line
        for start in range(0, len(text), step):
            session.read(direction, text[start : start + step], NOW.unix + second)
    _tell_gateway(tracker)
    session.close()
    assert not any(counts.unread[way, Unreadable.UNEXPECTED] for way in Direction)
    totals = _tell_gateway(tracker)["totals"]
    verdicts = counts.verdicts
    assert totals["shares_submitted"] == verdicts.pop(Verdict.ACCEPTED)
    assert totals["shares_rejected"] == sum(verdicts.values()) - verdicts[Verdict.UNANSWERED]


def _tell_gateway(tracker: MinerTracker) -> MinerSnapshot:
    snapshot = tracker.snapshot(NOW.unix)
    intake = Intake(Store(Service.PROXY, LIMITS), LIMITS)
    peer = intake.connect(1, "192.0.2.1")
    payload = Outgoing(snapshot).frame()[4:]
    intake.accept(intake.read(payload, Encoding.FRAMES, peer, NOW), peer, NOW)
    return snapshot


TARGETS: dict[str, Callable[[bytes], None]] = {
    "ingest": ingest,
    "tap": tap,
    "settings": settings,
    "variable": variable,
    "web_config": web_config,
    "tokens": tokens,
    "authorization": authorization,
}
