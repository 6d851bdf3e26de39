"""Imported series are the live ones, by name, type and labels."""

import dataclasses

import pytest

from exporters.exposition.families import ALL
from stats_history.converting.families import FAMILIES, Family
from stats_history.reading.old_schema import Kind

LIVE = {family.name: family for family in ALL}


def families(kind: Kind) -> list[Family]:
    values = (getattr(FAMILIES[kind], field.name) for field in dataclasses.fields(FAMILIES[kind]))
    return [value for value in values if isinstance(value, Family)]


@pytest.mark.parametrize("kind", Kind)
def test_every_imported_family_is_exposed_live_with_the_same_type(kind: Kind) -> None:
    for family in families(kind):
        assert LIVE[family.name].kind == family.type
