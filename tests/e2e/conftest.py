"""One service for each test, which must not have logged an error by the end of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.harness.service import Kind, Service


@contextmanager
def running(kind: Kind) -> Iterator[Service]:
    with Service(kind) as service:
        yield service
        if service.process.poll() is None:
            assert service.stop() == 0
        assert not service.errors()


@pytest.fixture
def proxy() -> Iterator[Service]:
    with running("proxy") as service:
        yield service


@pytest.fixture
def pool() -> Iterator[Service]:
    with running("pool") as service:
        yield service
