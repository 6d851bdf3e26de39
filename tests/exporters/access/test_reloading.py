"""Files are read again when they change or somebody asks, and wrong files change nothing."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from exporters.access import reloading
from exporters.access.reloading import Loaded, Watched, watch
from exporters.errors import ConfigError

ERRORS = {
    "wrong": ConfigError("no such word"),
    "value": ValueError("one\ntwo"),
    "deep": RecursionError("too deep"),
    "memory": MemoryError(),
}


class Words:
    """A file of one word, which may be an error that reading the file raises."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "words"
        self.reads = 0
        self.write("first")
        self.watched = Watched("words", self.load)

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def load(self, _: str | None) -> Loaded[str]:
        self.reads += 1
        text = self.path.read_text()
        if text in ERRORS:
            raise ERRORS[text]
        return Loaded(text, [self.path])

    def look(self, times: int = 2, *, at_once: bool = False) -> str:
        for _ in range(times):
            self.watched.look(at_once=at_once)
        return self.watched.value


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tmp_path)


def test_a_file_that_does_not_change_is_read_once(words: Words) -> None:
    assert words.look(5) == "first"
    assert words.reads == 1


def test_a_change_counts_once_the_file_has_stayed_the_same_for_a_look(words: Words) -> None:
    for text in ("a", "ab", "abc"):
        words.write(text)
        assert words.look(1) == "first"
    assert words.look(1) == "abc"
    assert words.reads == 2


def test_whoever_asks_has_the_file_read_at_once_and_also_where_it_did_not_change(
    words: Words, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    words.write("changed")
    assert words.look(1, at_once=True) == "changed"
    words.look(1, at_once=True)
    assert words.reads == 3
    assert caplog.text.count("words: read again, as asked") == 2


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("at_once", [True, False])
def test_whatever_goes_wrong_the_last_good_rules_stay_and_one_line_says_so(
    words: Words, error: str, at_once: bool, caplog: pytest.LogCaptureFixture
) -> None:
    words.write(error)
    assert words.look(1 if at_once else 5, at_once=at_once) == "first"
    assert not words.watched.is_in_force
    (record,) = caplog.records
    assert record.getMessage().endswith("what was in force stays in force")
    assert "\n" not in record.getMessage()
    assert record.exc_info is None
    words.write("good")
    assert words.look() == "good"
    assert words.watched.is_in_force


def test_an_error_is_said_once_and_again_when_somebody_asks(
    words: Words, caplog: pytest.LogCaptureFixture
) -> None:
    words.write("wrong")
    words.look(10)
    assert len(caplog.records) == 1
    words.look(2, at_once=True)
    assert len(caplog.records) == 3


def test_a_file_that_is_gone_changes_nothing_until_it_is_back(words: Words) -> None:
    words.path.unlink()
    assert words.look(3) == "first"
    words.write("back")
    assert words.look() == "back"


def test_a_file_is_read_again_when_the_folder_that_it_is_a_link_into_is_replaced(
    tmp_path: Path,
) -> None:
    """So Kubernetes replaces the files of a Secret: all of them at once."""
    (tmp_path / "words").symlink_to("..data/words")
    for number, text in enumerate(("first", "again")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "words").write_text(text)
    (tmp_path / "..data").symlink_to("..0")
    watched = Watched(
        "words", lambda _: Loaded((tmp_path / "words").read_text(), [tmp_path / "words"])
    )
    (tmp_path / "..new").symlink_to("..1")
    (tmp_path / "..new").rename(tmp_path / "..data")
    watched.look()
    watched.look()
    assert watched.value == "again"


@pytest.mark.anyio
async def test_sighup_has_all_files_read_at_once(
    words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "LOOK_SECONDS", 3600.0)
    watching = asyncio.create_task(watch([words.watched]))
    try:
        await asyncio.sleep(0)
        words.write("changed")
        async with asyncio.timeout(20):
            os.kill(os.getpid(), signal.SIGHUP)
            while words.watched.value != "changed":  # noqa: ASYNC110 - another thread sets the value
                await asyncio.sleep(0.001)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
