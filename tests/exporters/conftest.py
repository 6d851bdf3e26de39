"""Fixtures of the tests of the services."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def _restored_logging() -> Iterator[None]:
    """Whatever a service sets up for logging is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
