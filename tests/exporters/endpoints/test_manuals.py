"""The runbook and the manual of the API as the service serves them."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from exporters.endpoints.documents.manuals import read_manual, rendered
from stats_gateway.wire.services import Service
from tests.support.web import serving
from tests.support.yaml_files import read_yaml

ROOT = Path(__file__).resolve().parents[3]
RULES = read_yaml(ROOT / "prometheus" / "rules" / "alerts.yml")
ALERTS = {rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}


class Ids(HTMLParser):
    """The ids and the links of a document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str | None] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]


def test_every_alert_has_an_entry_under_its_name_and_under_githubs() -> None:
    runbook = read_manual("runbook", Service.PROXY)
    ids = Ids(runbook.html).ids
    assert len(ids) == len(set(ids))
    for alert in ALERTS:
        assert {alert, alert.lower()} <= set(ids), alert
    assert runbook.entries >= ALERTS


@pytest.mark.parametrize("name", ["runbook", "api"])
def test_every_link_leads_somewhere(name: str) -> None:
    found = Ids(read_manual(name, Service.POOL).html)
    inside = {link.removeprefix("#") for link in found.links if link.startswith("#")}
    assert inside <= set(found.ids)
    assert not [one for one in found.links if one.startswith("..")], "no file is beside the page"


def test_code_is_broken_between_its_words_only() -> None:
    page = rendered("`a_b/c` and `--<x>_`", "$manual").html
    code = "<code>a_<wbr>b/<wbr>c</code> and <code>--&lt;x&gt;_</code>"
    assert page == f"<p>{code}</p>\n"


def test_a_manual_has_the_name_of_its_service_which_leads_home() -> None:
    html = read_manual("api", Service.POOL).html
    assert '<a href="./">stats-pool</a>' in html
    assert "<title>The JSON API · stats-pool</title>" in html


def test_markup_in_the_text_stays_text() -> None:
    page = rendered("# A\n\n<script>x</script> [a](javascript:x) [b](b.md)", "$title: $manual").html
    assert page == (
        'A: <h1 id="a">A</h1>\n<p>&lt;script&gt;x&lt;/script&gt; [a](javascript:x) b</p>\n'
    )


@pytest.mark.parametrize(
    ("path", "says"), [("/runbook", b"StratumProxyMinerVanished"), ("/api", b"/api/history")]
)
async def test_a_manual_is_served_as_a_page(path: str, says: bytes) -> None:
    async with serving() as web:
        answer = await web.ask(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert says in answer.body
