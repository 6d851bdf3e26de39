from pathlib import Path

import pytest

from stats_feed.ckpool.files import PoolStatus, StatusFiles, Worker, hashrate_of
from stats_feed.polling import ReadError, WrongSourceError
from tests.stats_feed.ckpool.files import LogDir, pool_text, suffixed, user_text, worker

T0 = 1_730_488_800


@pytest.fixture
def logs(tmp_path: Path) -> LogDir:
    return LogDir(tmp_path / "logs")


def never(_: float) -> None:
    raise AssertionError("nothing is torn here")


@pytest.mark.parametrize("value", [0, 999, 1e3, 1.23e12, 4.56e15, 7.89e18, 1.5e20])
def test_a_hashrate_is_read_as_ckpool_writes_it(value: float) -> None:
    assert hashrate_of(suffixed(value)) == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize("text", ["", "x", "1.2X", "-1T", "nanT", None, 5, "infE"])
def test_what_is_no_hashrate_is_unknown(text: object) -> None:
    assert hashrate_of(text) is None


def test_the_files_are_read_as_ckpool_writes_them(logs: LogDir) -> None:
    logs.write(T0, 5000, bc1q=(worker("bc1q.rig", shares=4096, lastshare=T0 - 5),))
    status, users = StatusFiles(logs.path, sleep=never).read()
    assert status == PoolStatus(updated_at=T0, work=5000.0)
    assert users == {
        "bc1q": (Worker(name="bc1q.rig", hashrate=1e12, work=4096.0, last_share_at=T0 - 5),)
    }


def test_a_torn_file_is_read_again_until_it_is_whole(logs: LogDir) -> None:
    logs.write(T0, 5000, a=(worker("a.rig", shares=1, lastshare=T0),))
    whole = user_text(worker("a.rig", shares=7, lastshare=T0))
    pauses: list[float] = []

    def write_on(seconds: float) -> None:
        pauses.append(seconds)
        logs.user("a").write_text(whole)

    logs.user("a").write_text(whole[:40])
    _, users = StatusFiles(logs.path, sleep=write_on).read()
    assert users["a"][0].work == 7.0
    assert len(pauses) == 1


@pytest.mark.parametrize("cut", [0, 1, 40, 200])
def test_a_file_that_stays_torn_has_its_last_good_contents(logs: LogDir, cut: int) -> None:
    logs.write(T0, 5000, a=(worker("a.rig", shares=3, lastshare=T0),))
    files = StatusFiles(logs.path, sleep=lambda _: None)
    before = files.read()
    logs.user("a").write_text(user_text(worker("a.rig", shares=9, lastshare=T0))[:cut])
    logs.status.write_text(pool_text(lastupdate=T0 + 60, accepted=9999)[:cut])
    assert files.read() == before
    logs.user("a").write_text(user_text(worker("a.rig", shares=9, lastshare=T0)))
    assert files.read()[1]["a"][0].work == 9.0


def test_a_pool_status_is_torn_while_its_last_line_is_not_there(logs: LogDir) -> None:
    text = pool_text(lastupdate=T0, accepted=5)
    for cut in range(len(text)):
        logs.status.write_text(text[:cut])
        with pytest.raises(ReadError):
            StatusFiles(logs.path, sleep=lambda _: None).read()


def test_a_file_that_was_replaced_by_renaming_is_read_too(logs: LogDir, tmp_path: Path) -> None:
    logs.write(T0, 5000, a=(worker("a.rig", shares=3, lastshare=T0),))
    files = StatusFiles(logs.path, sleep=never)
    files.read()
    other = tmp_path / "other"
    other.write_text(user_text(worker("a.rig", shares=4, lastshare=T0)))
    other.rename(logs.user("a"))
    assert files.read()[1]["a"][0].work == 4.0


def test_a_user_whose_file_is_gone_is_gone(logs: LogDir) -> None:
    workers = (worker("a.rig", shares=3, lastshare=T0),)
    logs.write(T0, 5000, a=workers, b=workers)
    files = StatusFiles(logs.path, sleep=never)
    files.read()
    logs.user("a").unlink()
    assert files.read()[1].keys() == {"b"}


def test_a_directory_that_is_not_ckpools_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(WrongSourceError, match="no log directory of ckpool"):
        StatusFiles(tmp_path).read()


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_many_users_are_read_and_only_those_that_changed_again(
    logs: LogDir, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    logs.write(T0, 5000)
    for number in range(count):
        text = user_text(worker(f"u{number}.rig", shares=number, lastshare=T0))
        logs.user(f"u{number}").write_text(text)
    files = StatusFiles(logs.path, sleep=never)
    _, users = files.read()
    assert len(users) == count
    logs.user("u7").write_text(user_text(worker("u7.rig", shares=123456, lastshare=T0)))
    opened: list[str] = []
    real = Path.open

    def noting(path: Path, mode: str = "r") -> object:
        opened.append(path.name)
        return real(path, mode)

    monkeypatch.setattr(Path, "open", noting)
    assert files.read()[1]["u7"][0].work == 123456.0
    assert sorted(opened) == ["pool.status", "u7"]
