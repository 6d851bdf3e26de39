"""One service for each test, and one browser, that must show no error by the end of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.harness.browser import Browser
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


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The tab, which must show no error in its console by the end of a test."""
    yield chromium
    chromium.call("Emulation.setScriptExecutionDisabled", value=False)
    chromium.open("about:blank")
    complaints = chromium.complaints.copy()
    chromium.complaints.clear()
    assert not complaints
