"""The status page as the server writes it; tests/e2e has it in a browser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from exporters.endpoints.page.document import Document
from exporters.endpoints.page.parts.sources import MOST_SOURCES
from exporters.endpoints.page.parts.totals import MOST_SERVICES
from exporters.endpoints.page.state import State, moment, state_of
from exporters.endpoints.page.text.markup import Markup, element, isolated
from exporters.endpoints.page.text.units import UNKNOWN, count_text, duration_text, hashrate_text
from exporters.endpoints.summaries import PerSource, totals_of
from exporters.settings.addresses import Address
from stats_gateway.wire.services import Service
from tests.support.senders import Senders, at
from tests.support.snapshots import (
    Fields,
    connection,
    connection_snapshot,
    miner,
    miner_snapshot,
    pool_status,
    status_proxy,
)
from tests.support.web import serving

HOSTILE = "<script>alert(1)</script>\"'>&$title"
ADDRESS = Address("127.0.0.1", 8082)
TEMPLATE = (files("exporters.endpoints.page") / "assets" / "index.html").read_text()


@dataclass
class Seen(HTMLParser):
    """What a browser would make of a page."""

    texts: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str | None]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All of it, one piece a line."""
        return "\n".join(self.texts)

    def attribute(self, name: str) -> str | None:
        """The first of that name."""
        return next(value for _, one, value in self.attributes if one == name)


def page(senders: Senders, seconds: float = 0.0, address: Address | None = ADDRESS) -> Seen:
    """The page that many seconds after these tests begin."""
    document = Document(senders.store.service, address, "b", TEMPLATE, PerSource(totals_of))
    seen = Seen()
    seen.feed(document.render(senders.store.view, at(seconds)))
    return seen


def told(service: Service = Service.PROXY, **snapshots: Fields) -> Senders:
    """Senders by name, each with its snapshot."""
    senders = Senders(service)
    for number, (name, snapshot) in enumerate(snapshots.items()):
        senders.hello(number, name)
        senders.send(number, snapshot)
    return senders


def gone(senders: Senders, *alive: int) -> Senders:
    """The same after 30 s in which only those that are `alive` sent something."""
    for number in alive:
        senders.send(number, miner_snapshot(miner(1)), 20.0)
    senders.pass_time(30.0)
    return senders


@pytest.mark.parametrize(
    ("senders", "state", "says"),
    [
        (Senders(), State.NEVER, "No sender has sent a snapshot yet."),
        (told(a=miner_snapshot()), State.EMPTY, "Fresh, and nobody is connected."),
        (told(a=miner_snapshot(miner(1))), State.FRESH, "The only source is fresh."),
        (told(a=miner_snapshot(miner(1)), b=miner_snapshot()), State.FRESH, "All 2 sources"),
        (gone(told(a=miner_snapshot(miner(1)))), State.DOWN, "The only source is down."),
        (gone(told(a=miner_snapshot(), b=miner_snapshot()), 0), State.PARTLY, "1 of 2 sources is"),
    ],
)
def test_never_and_empty_and_fresh_and_down_are_told_apart(
    senders: Senders, state: State, says: str
) -> None:
    assert state_of(senders.store.view) is state
    seen = page(senders, 30.0)
    assert seen.attribute("data-state") == state
    assert says in seen.text
    assert says in seen.texts[0], "the title says it too"


@pytest.mark.parametrize(
    ("service", "command"),
    [
        (Service.PROXY, "stats-feed simulate --proxy 127.0.0.1:8082 --pool none"),
        (Service.POOL, "stats-feed simulate --pool 127.0.0.1:8082 --proxy none"),
    ],
)
def test_before_any_snapshot_it_says_where_to_send_them(service: Service, command: str) -> None:
    texts = page(Senders(service)).texts
    assert str(ADDRESS) in texts
    assert command in texts
    assert "--ingest.listen-address" in page(Senders(service), address=None).texts


def test_a_source_that_is_down_is_named_with_the_time_of_its_last_snapshot() -> None:
    text = page(gone(told(a=miner_snapshot(), b=miner_snapshot()), 0), 95.0).text
    assert "b\n last sent a snapshot \n1 min 35 s\n ago, at 2024-11-01 19:22:00 UTC." in text
    assert "a\n last sent" not in text


def test_a_source_shows_its_age_against_its_interval() -> None:
    senders = told(a=miner_snapshot(miner(1)))
    assert row_of(page(senders, 9.0)) == [
        "a",
        "up",
        "9 s",
        " ago",
        "10 s",
        "1",
        "150 TH/s",
        UNKNOWN,
    ]
    assert row_of(page(senders, 16.0))[1:3] == ["late", "16 s"]
    gone(senders)
    assert row_of(page(senders, 31.0)) == ["a", "down", "31 s", " ago", "10 s", *[UNKNOWN] * 3]


def row_of(seen: Seen) -> list[str]:
    """The first row of the table of sources."""
    start = seen.texts.index("Upstream") + 1
    return seen.texts[start : start + 8]


def test_a_lost_upstream_is_said_at_the_top() -> None:
    upstream = {"address": "pool.example:34254", "connected": False, "network": "testnet4"}
    text = page(told(a=miner_snapshot(miner(1), upstream=upstream))).text
    assert "a\n has lost its connection to the pool." in text
    assert "pool.example:34254 (testnet4) \ndisconnected" in text


def figures(seen: Seen) -> list[str]:
    """The totals, labels and values."""
    first = "Miners" if "Miners" in seen.texts else "Connections"
    # The first one is the link at the top.
    start = seen.texts.index(first, seen.texts.index(first) + 1)
    return seen.texts[start : seen.texts.index("Sources")]


def test_totals_are_those_of_the_fresh_sources() -> None:
    wallet = {"balance": 500_000, "quotes_created": 12, "quotes_amount": 600_000}
    two = told(
        a=miner_snapshot(miner(1), miner(2), wallet=wallet),
        b=miner_snapshot(miner(1, hashrate=0.0)),
    )
    assert figures(page(two)) == [
        *("Miners", "3", "3 active, 0 idle"),
        *("Hashrate", "300 TH/s"),
        *("Shares accepted", "126"),
        *("Wallet", "500,000 ehash", "Quotes: 12, for 600,000 ehash"),
    ]


def test_unknown_is_never_shown_as_0() -> None:
    down = page(gone(told(a=miner_snapshot(miner(1)))), 30.0)
    assert figures(down) == ["Miners", UNKNOWN, "Hashrate", UNKNOWN, "Shares accepted", UNKNOWN]
    rateless = told(a=miner_snapshot(miner(1, hashrate=float("nan"))))
    assert figures(page(rateless))[3:5] == ["Hashrate", UNKNOWN]


def test_a_pool_counts_its_connections_by_type_and_lists_its_services() -> None:
    rows = [connection(1), connection(2, connection_type="Mint"), connection(3)]
    senders = told(Service.POOL, a=connection_snapshot(*rows, listen_address="h:1"))
    assert figures(page(senders)) == [
        *("Connections", "3", "Translator: 2", "Mint: 1", "Job Declarator: 0", "Miner: 0"),
        *("Hashrate", "6.00 PH/s"),
        *("Shares accepted", "780"),
        *("Services", "1", "Pool at h:1"),
    ]
    without_rates = told(Service.POOL, a=pool_status(status_proxy(1)))
    assert figures(page(without_rates))[6:8] == ["Hashrate", UNKNOWN]


def test_what_peers_choose_is_escaped_wherever_it_is_shown() -> None:
    upstream = {"address": HOSTILE, "connected": False, "network": HOSTILE}
    proxy = Senders()
    for number, name in enumerate((HOSTILE, f"{HOSTILE} down")):
        proxy.hello(number, name)
        proxy.send(number, miner_snapshot(miner(1), upstream=upstream))
    proxy.send(0, miner_snapshot(miner(1), upstream=upstream), 20.0)
    proxy.pass_time(30.0)
    pool = Senders(Service.POOL)
    pool.hello(1, HOSTILE)
    pool.send(1, connection_snapshot(connection(1), listen_address=HOSTILE))
    for senders in (proxy, pool):
        seen = page(senders, 30.0)
        assert seen.tags.count("script") == 1, "the page's own"
        assert HOSTILE in seen.texts
        assert "alert(1)" not in str(seen.attributes)


def test_only_markup_is_left_unescaped() -> None:
    assert (
        element("p", "<&>", Markup("<b>"), class_='"') == '<p class="&quot;">&lt;&amp;&gt;<b></p>'
    )
    assert element("p", data_age=1.5, title=None) == '<p data-age="1.5"></p>'
    assert isolated("<") == "<bdi>&lt;</bdi>"


def test_everything_comes_from_this_service_and_nothing_is_inline() -> None:
    seen = page(told(a=miner_snapshot(miner(1))))
    addresses = [value or "" for _, name, value in seen.attributes if name in ("href", "src")]
    assert not [one for one in addresses if ":" in one and not one.startswith("data:image/svg+xml")]
    assert {"page.css", "page.js", "metrics", "health", "api/miners"} <= set(addresses)
    assert not [name for _, name, _ in seen.attributes if name == "style" or name.startswith("on")]
    assert "style" not in seen.tags


def test_many_sources_are_cut_and_those_that_are_down_come_first() -> None:
    senders = Senders()
    for number in range(MOST_SOURCES + 1):
        senders.hello(number, f"source-{number:03}")
        senders.send(number, miner_snapshot())
    last = MOST_SOURCES
    for number in range(last):
        senders.send(number, miner_snapshot(), 20.0)
    senders.pass_time(30.0)
    seen = page(senders, 30.0)
    assert f"Sources, {MOST_SOURCES} of {MOST_SOURCES + 1}" in seen.texts
    assert row_of(seen)[:2] == [f"source-{last:03}", "down"]
    assert f"source-{last - 1:03}" not in seen.texts


def test_many_services_are_counted_and_only_the_first_are_listed() -> None:
    services = [{"service_type": "Pool", "address": f"h:{number}"} for number in range(60)]
    seen = page(told(Service.POOL, a=pool_status(services=services)))
    assert "60" in seen.texts
    assert seen.text.count("h:") == 2 * MOST_SERVICES, "once in the totals, once of their source"


def test_a_moment_changes_with_every_snapshot_and_expiry_and_with_nothing_else() -> None:
    senders = told(a=miner_snapshot(), b=miner_snapshot())
    first = moment(senders.store.view)
    senders.pass_time(5.0)
    senders.close(0, 5.0)
    assert moment(senders.store.view) == first
    senders.send(1, miner_snapshot(), 6.0)
    second = moment(senders.store.view)
    senders.pass_time(15.0)
    assert len({first, second, moment(senders.store.view)}) == 3


@pytest.mark.parametrize(
    ("hashrate", "text"),
    [
        (None, UNKNOWN),
        (0.0, "0 H/s"),
        (0.004, "< 0.01 H/s"),
        (5.0, "5.00 H/s"),
        (999.4, "999 H/s"),
        (999.6, "1.00 kH/s"),
        (1.5e14, "150 TH/s"),
        (2.34e19, "23.4 EH/s"),
        (1e308, "1.00e+308 H/s"),
    ],
)
def test_a_hashrate_is_scaled_to_three_digits(hashrate: float | None, text: str) -> None:
    assert hashrate_text(hashrate) == text


def test_durations_have_their_two_largest_units_and_counts_their_commas() -> None:
    seconds = (-5.0, 59.9, 60.0, 3725.0, 86400.0, 90061.0)
    texts = ["0 s", "59 s", "1 min", "1 h 2 min", "1 d", "1 d 1 h"]
    assert [duration_text(one) for one in seconds] == texts
    assert (count_text(1234567), count_text(0), count_text(None)) == ("1,234,567", "0", UNKNOWN)


async def test_the_page_and_its_files_have_their_content_types() -> None:
    async with serving() as web:
        for path, expected in (
            ("/", "text/html; charset=utf-8"),
            ("/page.css", "text/css; charset=utf-8"),
            ("/page.js", "text/javascript; charset=utf-8"),
        ):
            answer = await web.ask(path)
            assert (answer.status, answer.headers["content-type"]) == (200, expected)
        assert (await web.ask("/")).headers["cache-control"] == "no-store"
        assert len((await web.ask("/page.js")).body) < 15_000


@pytest.mark.parametrize("path", ["/page.css", "/page.js", "/api/miners"])
async def test_what_a_browser_has_is_not_sent_again_until_it_changes(path: str) -> None:
    async with serving() as web:
        first = await web.ask(path)
        etag = first.headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}'):
            again = await web.ask(path, headers={"If-None-Match": known})
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
        assert (await web.ask(path, headers={"If-None-Match": '"other"'})).body == first.body


async def test_a_list_names_the_same_moment_as_the_page() -> None:
    async with serving() as web:
        web.senders.hello(1, "a")
        web.senders.send(1, miner_snapshot(miner(1)))
        seen = Seen()
        seen.feed((await web.ask("/")).body.decode())
        etag = (await web.ask("/api/miners?offset=0&limit=1")).headers["etag"]
        assert etag == f'"{seen.attribute("data-moment")}"'
        web.senders.send(1, miner_snapshot(), 1.0)
        changed = await web.ask("/api/miners", headers={"If-None-Match": etag})
        assert (changed.status, changed.json) == (200, {"miners": []})
