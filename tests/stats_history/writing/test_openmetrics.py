"""The text that promtool reads."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.limits import MAX_NAME_BYTES
from stats_gateway.rows.text import clean
from stats_history.converting.families import Family
from stats_history.writing.openmetrics import Exposition, label_value, labels_text
from tests.stats_history.exposition import samples_of

RATE = Family("rate_hashes_per_second", "gauge", "Rate.")
SHARES = Family("shares_total", "counter", "Shares.")


def test_families_stay_in_one_piece_though_written_by_turns(tmp_path: Path) -> None:
    with Exposition(tmp_path) as out:
        for name in ("a", "b"):
            labels = labels_text({"name": name})
            out.write(RATE, labels, [(1, 2.5), (2, None)])
            out.write(SHARES, labels, [(1, 7)])
        out.finish(tmp_path / "all.om")
    assert (tmp_path / "all.om").read_text() == (
        "# HELP rate_hashes_per_second Rate.\n# TYPE rate_hashes_per_second gauge\n"
        'rate_hashes_per_second{name="a"} 2.5 1\nrate_hashes_per_second{name="b"} 2.5 1\n'
        "# HELP shares Shares.\n# TYPE shares counter\n"
        'shares_total{name="a"} 7 1\nshares_total{name="b"} 7 1\n# EOF\n'
    )
    assert out.samples == 4
    assert [path.name for path in tmp_path.iterdir()] == ["all.om"]


@given(st.text(st.characters()))
def test_a_name_becomes_the_label_that_the_live_services_make_of_it(text: str) -> None:
    assert label_value(text) == clean(text, MAX_NAME_BYTES)


def test_every_label_survives_the_way_through_the_text(tmp_path: Path) -> None:
    names = ['quo"te', "back\\slash", "back\\nslash", "Ünïcode ⛏", "a,b={c}", "", "x" * 128]
    with Exposition(tmp_path) as out:
        for name in names:
            out.write(RATE, labels_text({"name": label_value(name)}), [(1, 1.0)])
        out.finish(tmp_path / "all.om")
    found = samples_of(tmp_path / "all.om")
    assert {dict(labels)["name"] for _, labels in found} == set(names)
