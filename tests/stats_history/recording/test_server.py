"""The Prometheus that evaluates the rules."""

import os
from pathlib import Path

import pytest

from stats_history.__main__ import main
from tests.stats_history.old_databases import snapshot_database, steady_rows
from tests.support.programs import program


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (None, "there is no file of rules"),
        ("groups: []", "there are no recording rules in"),
        ("groups: [{name: a, rules: [{record: a, expr: sum(}]}]", "rules.yml: 1:"),
    ],
)
def test_rules_that_cannot_be_evaluated_are_told_and_leave_nothing_behind(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    rules: str | None,
    told: str,
) -> None:
    monkeypatch.setenv("PATH", str(Path(program("prometheus")).parent), prepend=os.pathsep)
    database = snapshot_database(tmp_path / "stats.db", steady_rows(40))
    data, file = tmp_path / "data", tmp_path / "rules.yml"
    data.mkdir()
    if rules is not None:
        file.write_text(rules)
    assert main(["import", str(database), "--into", str(data), "--rules", str(file)]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert not list(data.glob(".stats-history-*"))
