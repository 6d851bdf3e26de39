"""Every metric family of the two services: name, type, help and labels, written down once.

The values of a `RowFamily` are a column of a source's rows, those of a `SourceFamily` come from the
source, and a plain `Family` is the service's own. Boards, rules and docs/reference.md are held
against `ALL` by tests. Besides these there are prometheus-client's `process_*` and `python_*`.
"""

from exporters.exposition.families import pool, proxy
from exporters.exposition.families.family import Family, Kind
from exporters.exposition.families.gateway import GATEWAY_FAMILIES

__all__ = ["ALL", "Family", "Kind"]

ALL: tuple[Family, ...] = tuple(
    dict.fromkeys(
        (
            *GATEWAY_FAMILIES,
            *proxy.LAYOUT.source_families,
            *proxy.LAYOUT.row_families,
            *pool.LAYOUT.source_families,
            *pool.LAYOUT.row_families,
        )
    )
)
