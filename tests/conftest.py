"""Fixtures every test may use."""

import pytest
from hypothesis import settings

# The same examples each time, on machines that are slow at times.
settings.register_profile("repository", derandomize=True, deadline=None)
settings.load_profile("repository")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The services run on asyncio, and so do their tests."""
    return "asyncio"
