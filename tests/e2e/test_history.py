"""History as a reader gets it: a real service that asks a real Prometheus."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from exporters.history.client import ANSWER_SECONDS, MAX_QUESTIONS
from tests.e2e.harness.past import DECLARED, HOUR, Session, write
from tests.e2e.harness.program import LOOPBACK
from tests.e2e.harness.prometheus import scraping
from tests.e2e.harness.rows import miner, miner_snapshot
from tests.e2e.harness.service import Service
from tests.e2e.harness.wire import Sender, connected
from tests.support.until import sleep_until, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Points = dict[int, float]

TERA = 1e12
DAY = 24 * HOUR
DAY_STEP = 180
HOSTILE = 'rig "7"\\{} é/x'
LIVE_STEP = 60
SOON_SECONDS = 2.0
EXACTLY = 0.001
BOTH_IN_BOTH = "count(stratum_proxy_miner_work_hashes_total)"
SCRAPED = 3 / LIVE_STEP
"""What is missing where a session begins: a snapshot a second, and a scrape a second."""


@contextmanager
def asking(prometheus_port: int, web: int = 0) -> Iterator[Service]:
    """A stats-proxy with history."""
    url = f"http://{LOOPBACK}:{prometheus_port}"
    with Service("proxy", f"--history.prometheus-url={url}", web=web) as service:
        yield service
        assert service.stop() == 0
        assert not service.errors()


def points(service: Service, path: str) -> Points:
    answer = service.get(path)
    assert answer.status == 200, answer
    return {point["timestamp"]: point["hashrate_hs"] for point in answer.json()["data"]}


class Past:
    """A day that a Prometheus knows, and a service to ask about it."""

    def __init__(self, service: Service, began: int) -> None:
        self.service = service
        self.began = began

    def day(self, path: str = "/api/hashrate", query: str = "") -> Points:
        """The day's points, at seconds since it began."""
        asked = f"{path}?from={self.began}&to={self.began + DAY}{query}"
        return {when - self.began: value for when, value in points(self.service, asked).items()}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Two sources: one whose miners tell their work, one whose miner does not.

    From 16 to 17 o'clock Prometheus was away.
    """
    began = (int(time.time()) - 27 * HOUR) // HOUR * HOUR
    told = [
        Session(1, "staying", 100 * TERA, 0, DAY),
        Session(2, "leaving", 50 * TERA, 0, 12 * HOUR),
        Session(3, "reconnecting", 30 * TERA, 0, 8 * HOUR),
        Session(4, "reconnecting", 30 * TERA, 8 * HOUR, DAY),
    ]
    untold = [Session(1, HOSTILE, 10 * TERA, 0, DAY, tells_work=False)]
    scraped = [range(16 * HOUR), range(17 * HOUR, DAY)]
    folder = tmp_path_factory.mktemp("past")
    write(folder, began, {"told": told, "untold": untold}, scraped)
    with scraping(folder, {}) as prometheus, asking(prometheus.port) as service:
        yield Past(service, began)


def between(day: Points, first: float, last: float) -> list[float]:
    """The points whose whole steps lie between two hours of the day; none may be missing."""
    times = range(int(first * HOUR) + DAY_STEP, int(last * HOUR) + 1, DAY_STEP)
    return [day[when] for when in times]


def test_a_total_is_of_work_where_it_is_told_and_else_of_what_is_declared(past: Past) -> None:
    day = past.day()
    for first, last, work in ((1, 7.5, 180), (9, 11.5, 180), (13, 16, 130), (18, 24, 130)):
        found = between(day, first, last)
        total = (work + 10 * DECLARED) * TERA
        assert found == pytest.approx([total] * len(found), EXACTLY)


def test_a_miner_that_left_is_in_no_later_point(past: Past) -> None:
    day = past.day()
    # Blocks made from text cannot say that a series ended. So for five minutes the number of series
    # is not that of miners, and what is declared stands in: in the one point before these.
    after = between(day, 12 + DAY_STEP / HOUR, 12.5)
    assert after == pytest.approx([(130 + 10 * DECLARED) * TERA] * len(after), EXACTLY)
    assert max(past.day("/api/miner/leaving/hashrate")) <= 12 * HOUR + 2 * DAY_STEP


def test_a_miner_that_reconnected_is_counted_once(past: Past) -> None:
    around = between(past.day(), 7.9, 8.2)
    assert min(around) >= 190 * DECLARED * TERA * (1 - EXACTLY)
    assert max(around) <= (180 + 10 * DECLARED) * TERA * (1 + EXACTLY)


def test_a_miners_history_survives_its_reconnect_and_a_downstreams_does_not(past: Past) -> None:
    name = between(past.day("/api/miner/reconnecting/hashrate"), 1, 16)
    assert name == pytest.approx([30 * TERA] * len(name), rel=0.11)
    before = past.day("/api/downstream/3/hashrate", "&source=told")
    after = past.day("/api/downstream/4/hashrate", "&source=told")
    assert max(before) <= 8 * HOUR + 300 + DAY_STEP
    assert min(after) >= 8 * HOUR


def test_a_gap_is_missing_points_and_its_edges_are_no_dips(past: Past) -> None:
    day = past.day()
    missing = [when for when in range(0, DAY, DAY_STEP) if when not in day]
    assert missing == list(range(16 * HOUR + 2 * DAY_STEP, 17 * HOUR, DAY_STEP))
    edges = [value for when, value in day.items() if 15.9 * HOUR < when < 17.2 * HOUR]
    assert min(edges) >= 140 * DECLARED * TERA * (1 - EXACTLY)


def test_one_source_can_be_asked_for(past: Past) -> None:
    declared = between(past.day(query="&source=untold"), 1, 15)
    assert declared == pytest.approx([10 * DECLARED * TERA] * len(declared), EXACTLY)
    assert past.day(query="&source=unheard") == {}


def test_a_name_is_nothing_but_a_name(past: Past) -> None:
    found = between(past.day(f"/api/miner/{quote(HOSTILE, safe='')}/hashrate"), 1, 15)
    assert found == pytest.approx([10 * DECLARED * TERA] * len(found), EXACTLY)
    for name in ('x"} or vector(1) or x{name="', ".*", "staying|leaving", "nobody"):
        assert past.day(f"/api/miner/{quote(name, safe='')}/hashrate") == {}


def test_from_0_is_all_that_prometheus_has(past: Past) -> None:
    everything = points(past.service, "/api/hashrate?from=0")
    assert past.began <= min(everything) <= past.began + 2 * HOUR
    assert len(everything) >= 20


class Farm:
    """A translator that sends every second and whose miners work at known rates."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._over = threading.Event()
        self._began: dict[tuple[int, str, float], float] = {}
        self._sending = threading.Thread(target=self._send)

    def __enter__(self) -> "Farm":
        self._sender.hello("farm", interval=1.0)
        self._sending.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._sending.join()

    def mine(self, *miners: tuple[int, str, float]) -> None:
        """From now on it has these: downstream_id, name, hashrate."""
        now = time.time()
        self._began = {one: self._began.get(one, now) for one in miners}

    def _send(self) -> None:
        while not self._over.wait(1.0):
            now = time.time()
            rows = [
                miner(id_, name, hashrate=rate * DECLARED, work=rate * (now - began) / 2**32)
                for (id_, name, rate), began in self._began.items()
            ]
            self._sender.say(miner_snapshot(rows))


def test_live_numbers_are_the_work_and_prometheus_gone_is_a_503_at_once(tmp_path: Path) -> None:
    staying, before, after = (
        (1, "staying", 100 * TERA),
        (2, "moving", 50 * TERA),
        (3, "moving", 50 * TERA),
    )
    with socket.create_server((LOOPBACK, 0)) as reserved:
        web = reserved.getsockname()[1]
    with ExitStack() as scrapes:
        # Two jobs of one target are two replicas.
        prometheus = scrapes.enter_context(scraping(tmp_path, {"one": web, "two": web}))
        with asking(prometheus.port, web) as service, connected(service.ingest) as sender:
            with Farm(sender) as farm:
                farm.mine(staying, before)
                # Prometheus takes up to 5 s before it first scrapes what it was told to.
                until(lambda: prometheus.value(BOTH_IN_BOTH) == 4, what="first scrapes")
                began = int(time.time()) + 2
                # The first step that is whole: the farm is there at both of its ends.
                end = -(-began // LIVE_STEP) * LIVE_STEP + LIVE_STEP
                sleep_until(monotonic(end - LIVE_STEP / 2))
                farm.mine(staying, after)
                sleep_until(monotonic(end + SOON_SECONDS))
                total = points(service, f"/api/hashrate?from={began}")
                moving = points(service, f"/api/miner/moving/hashrate?from={began}")
            assert total[end] == pytest.approx(150 * TERA, rel=SCRAPED)
            assert moving[end] == pytest.approx(50 * TERA, rel=2 * SCRAPED)

            scrapes.close()
            asked = time.monotonic()
            answer = service.get("/api/downstream/1/hashrate")
            assert answer.status == 503
            assert answer.json()["error"].startswith("Prometheus cannot be asked: ")
            assert time.monotonic() - asked < SOON_SECONDS


def monotonic(moment: float) -> float:
    """When the unix time `moment` is on the monotonic clock: the test is about a minute of both."""
    return time.monotonic() + moment - time.time()


def test_a_prometheus_that_hangs_is_a_503_after_the_time_out_and_others_wait_in_no_line() -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as silent,
        ThreadPoolExecutor(2 * MAX_QUESTIONS) as readers,
        asking(silent.getsockname()[1]) as service,
    ):
        began = time.monotonic()
        paths = [f"/api/miner/{number}/hashrate" for number in range(2 * MAX_QUESTIONS)]
        answers = list(readers.map(service.get, paths))
        assert ANSWER_SECONDS <= time.monotonic() - began < ANSWER_SECONDS + SOON_SECONDS
        assert {answer.status for answer in answers} == {503}
        assert len([one for one in answers if "retry-after" in one.headers]) == MAX_QUESTIONS
        assert service.get("/metrics").status == 200


def test_a_service_that_is_told_to_stop_waits_for_no_answer() -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as silent,
        ThreadPoolExecutor(1) as readers,
        asking(silent.getsockname()[1]) as service,
    ):
        waiting = readers.submit(service.get, "/api/hashrate")
        question, _ = silent.accept()
        with question:
            question.recv(1)
            stopping = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - stopping < SOON_SECONDS
            assert waiting.result().status == 503
