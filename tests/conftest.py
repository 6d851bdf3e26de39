"""Fixtures every test may use, and the order in which files of tests begin."""

from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

BEGIN_FIRST = (
    "e2e/test_history.py",
    "stats_gateway/wire/test_memory.py",
    "benchmarks/test_measure.py",
    "fleet/test_two_cells.py",
    "rules/test_causes.py",
    "test_rules.py",
    "security/test_crowd.py",
    "stats_history/writing/test_state.py",
    "security/test_web_access.py",
    "rules/test_books.py",
    "security/test_http_bounds.py",
    "rules/test_delivery.py",
    "e2e/test_page.py",
    "stats_history/recording/test_recorder.py",
    "e2e/test_prometheus.py",
    "e2e/test_cell_parts.py",
)
"""The longest files: a long one that begins late keeps one processor busy, and the others idle."""

# The same examples each time, in CI too, on machines that are slow at times.
settings.register_profile("repository", derandomize=True, deadline=None)
# Other examples each time, for `make soak`: `--hypothesis-profile=random`.
settings.register_profile("random", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("repository")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files begin first, then those with slow tests, then the others."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    longest = {TESTS / name: place for place, name in enumerate(BEGIN_FIRST)}
    items.sort(key=lambda item: (longest.get(item.path, len(longest)), item.path not in slow))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The services run on asyncio, and so do their tests."""
    return "asyncio"
