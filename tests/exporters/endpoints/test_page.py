"""The status page as the server writes it; tests/e2e has it in a browser."""

from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from exporters.endpoints.lists import Lists
from exporters.endpoints.page.document import PLAIN_ROWS, Document
from exporters.endpoints.page.downstream import Subject
from exporters.endpoints.page.parts.columns import path_of
from exporters.endpoints.page.parts.sources import MOST_SOURCES
from exporters.endpoints.page.parts.totals import MOST_SERVICES
from exporters.endpoints.page.routes import FILES, read_templates
from exporters.endpoints.page.state import State, moment, state_of
from exporters.endpoints.page.text.markup import SHORT_NAME, Markup, element, isolated
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
TEMPLATES = read_templates("b")
ASSETS = Path(str(files("exporters.endpoints.page") / "assets"))

UPLOT_1_6_32 = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""SHA-256 of the files in `npm pack uplot@1.6.32`: dist/ and LICENSE."""


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
    seen = Seen()
    seen.feed(document(senders.store.service, address).status(senders.store.view, at(seconds)))
    return seen


def document(
    service: Service, address: Address | None = ADDRESS, *, has_history: bool = False
) -> Document:
    totals = PerSource(totals_of)
    return Document(service, address, TEMPLATES, totals, Lists(), has_history=has_history)


def row_page(senders: Senders, row: str, source: str | None = None, root: str = "../") -> Seen:
    """The page of one miner or connection."""
    service = senders.store.service
    subject = Subject(service=service, row=row, source=source)
    seen = Seen()
    seen.feed(document(service).downstream(senders.store.view, at(0), subject, root))
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


ONE, TWO = miner_snapshot(miner(1)), miner_snapshot(miner(1), miner(2))


@pytest.mark.parametrize(
    ("senders", "state", "title", "says"),
    [
        (Senders(), State.NEVER, "No sender has sent a snapshot yet", "."),
        (
            told(a=miner_snapshot()),
            State.EMPTY,
            "No miners are connected",
            "; a last heard 9 s ago.",
        ),
        (told(a=TWO), State.FRESH, "2 miners, 300 TH/s", "; a last heard 9 s ago."),
        (
            *(told(a=ONE, b=miner_snapshot()), State.FRESH, "1 miner, 150 TH/s"),
            "; both sources heard in the last 9 s.",
        ),
        (
            *(told(a=ONE, b=ONE, c=miner_snapshot()), State.FRESH, "2 miners, 300 TH/s"),
            "; all 3 sources heard in the last 9 s.",
        ),
        (gone(told(a=ONE)), State.DOWN, "Nothing heard from a", " for 39 s."),
        (gone(told(a=ONE, b=ONE)), State.DOWN, "Nothing heard from 2 sources", " for 39 s."),
        (
            *(gone(told(a=ONE, b=ONE), 0), State.PARTLY, "1 miner, 150 TH/s"),
            "; nothing heard from b for 39 s.",
        ),
    ],
)
def test_the_headline_says_how_many_mine_how_fast_and_when_they_were_heard(
    senders: Senders, state: State, title: str, says: str
) -> None:
    assert state_of(senders.store.view) is state
    seen = page(senders, 9.0 if senders.store.view.fresh() and state is not State.PARTLY else 39.0)
    assert seen.attribute("data-state") == state
    assert seen.texts[0] == f"{title} · stats-proxy"
    assert f"{title}{says}" in "".join(seen.texts)


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


def test_a_short_name_is_not_broken_at_a_hyphen_wherever_a_source_is_named() -> None:
    def whole(seen: Seen) -> int:
        return seen.attributes.count(("bdi", "class", "whole"))

    short, long = "translator-1", "translator-1".ljust(SHORT_NAME + 1, "x")
    # In the headline and in the table of sources; where it is down, also in the list of those.
    assert whole(page(told(Service.PROXY, **{short: ONE}))) == 2
    assert whole(page(gone(told(Service.PROXY, **{short: ONE})), 30.0)) == 3
    assert whole(page(gone(told(Service.PROXY, **{long: ONE})), 30.0)) == 0
    assert whole(row_page(told(Service.PROXY, **{short: ONE}), "rig")) == 0
    named = miner_snapshot(miner(1, name="rig"))
    assert whole(row_page(told(Service.PROXY, **{short: named}), "rig")) == 1


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
    return seen.texts[start : seen.texts.index("Set ")]


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
    assert isolated("<" * (SHORT_NAME + 1)) == f"<bdi>{'&lt;' * (SHORT_NAME + 1)}</bdi>"


def test_everything_comes_from_this_service_and_nothing_is_inline() -> None:
    seen = page(told(a=miner_snapshot(miner(1))))
    addresses = [value or "" for _, name, value in seen.attributes if name in ("href", "src")]
    assert not [one for one in addresses if ":" in one and not one.startswith("data:image/svg+xml")]
    needed = {"assets/page.css", "assets/script/page.js", "metrics", "runbook", "api/miners"}
    assert {f"./{path}" for path in needed} <= set(addresses)
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
            ("/assets/page.css", "text/css; charset=utf-8"),
            *((f"/assets/{name}", f"{type_}; charset=utf-8") for name, type_ in FILES.items()),
        ):
            answer = await web.ask(path)
            assert (answer.status, answer.headers["content-type"]) == (200, expected)
        assert (await web.ask("/")).headers["cache-control"] == "no-store"


async def test_every_file_in_the_folder_of_assets_is_a_template_or_is_served() -> None:
    folder = ASSETS
    shipped = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
    assert {one for one in shipped if not one.endswith(".html")} == set(FILES)


def test_uplot_is_the_file_of_npm_that_the_version_names() -> None:
    for name, digest in UPLOT_1_6_32.items():
        assert sha256((ASSETS / "vendor" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("path", ["/assets/page.css", "/assets/script/page.js", "/api/miners"])
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


@pytest.mark.parametrize("name", ["a/b", "a b&c", "ü?#", "..x", "<i>"])
async def test_the_page_of_a_miner_is_where_its_row_leads(name: str) -> None:
    async with serving() as web:
        web.senders.hello(1, "a")
        web.senders.send(1, miner_snapshot(miner(1, name=name), miner(2, name="other")))
        plain = Seen()
        plain.feed((await web.ask("/")).body.decode())
        paths = [value or "" for tag, key, value in plain.attributes if (tag, key) == ("a", "href")]
        (path,) = (one for one in paths if "/miner/" in one and "other" not in one)
        answer = await web.ask(path.removeprefix("."))
    seen = Seen()
    seen.feed(answer.body.decode())
    assert answer.status == 200
    assert seen.texts[0] == f"{name} · stats-proxy"
    assert "Active, 150 TH/s at a." in "".join(seen.texts)
    assert seen.attribute("data-root") == "../", "a slash in a name is no step down"


async def test_a_name_with_slashes_as_people_type_it_finds_its_files_as_well() -> None:
    async with serving() as web:
        seen = Seen()
        seen.feed((await web.ask("/miner/a/b")).body.decode())
    assert seen.attribute("data-root") == "../../"
    assert seen.texts[0] == "a/b · stats-proxy"
    assert "Nothing is heard from any source now." in seen.texts


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_no_path_can_have_leads_nowhere(name: str) -> None:
    assert path_of(Service.PROXY, {"name": name}) is None


def test_the_page_of_a_miner_adds_up_its_sessions_at_every_source() -> None:
    sessions = [
        miner(1, name="rig", shares_rejected=2, shares_rejected_by={"stale": 2}),
        miner(2, name="rig"),
    ]
    senders = told(
        a=miner_snapshot(*sessions, miner(3, name="rig-2")), b=miner_snapshot(sessions[0])
    )
    seen = row_page(senders, "rig")
    assert "Active, 450 TH/s in 3 sessions at 2 sources." in seen.texts
    start = seen.texts.index("Shares accepted")
    assert seen.texts[start + 1 : start + 4] == ["126", "Rejected: 4", "stale: 4"]
    assert "Active, 150 TH/s at b." in "".join(row_page(senders, "rig", "b").texts)
    assert "Not at c now." in row_page(senders, "rig", "c").texts
    assert "Not among the miners now." in row_page(senders, "ri").texts


async def test_a_connection_has_a_page_and_a_path_that_is_no_number_has_none() -> None:
    async with serving(Service.POOL) as web:
        web.senders.hello(1, "p")
        web.senders.send(1, connection_snapshot(connection(7, name="t")))
        seen = Seen()
        seen.feed((await web.ask("/connection/7?source=p")).body.decode())
        assert "Connection 7 · stats-pool" in seen.texts
        assert "Translator t, 3.00 PH/s at p." in "".join(seen.texts)
        for path in ("/connection/x", "/connection/" + "1" * 21, "/miner/a"):
            assert (await web.ask(path)).status == 404


def test_what_is_asked_for_the_history_of_a_row_cannot_be_changed_by_its_name() -> None:
    seen = Seen()
    subject = Subject(service=Service.PROXY, row="a&miner=b", source="ü")
    html = document(Service.PROXY, has_history=True).downstream(
        Senders().store.view, at(0), subject, "../"
    )
    seen.feed(html)
    assert seen.attribute("data-query") == "miner=a%26miner%3Db&source=%C3%BC"


def test_without_javascript_the_first_rows_are_a_table_with_links() -> None:
    senders = told(a=miner_snapshot(*(miner(number) for number in range(PLAIN_ROWS + 1))))
    seen = page(senders)
    assert f"Miners, the first {PLAIN_ROWS} of {PLAIN_ROWS + 1}" in seen.texts
    links = [value for tag, key, value in seen.attributes if (tag, key) == ("a", "href")]
    assert sum("/miner/" in (one or "") for one in links) == PLAIN_ROWS
    live = document(Service.PROXY).status(senders.store.view, at(0), with_rows=False)
    assert "/miner/" not in live, "the page itself asks for the rows as JSON"
