"""Fixtures every test may use."""

import pytest
from hypothesis import settings

# The same examples each time, in CI too, on machines that are slow at times.
settings.register_profile("repository", derandomize=True, deadline=None)
# Other examples each time, for `make soak`: `--hypothesis-profile=random`.
settings.register_profile("random", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("repository")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The services run on asyncio, and so do their tests."""
    return "asyncio"
