"""A service's program: its help, its checks before it starts, and how it takes signals."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporters import service as program
from exporters.exposition.families.proxy import LAYOUT
from exporters.settings.catalogue import TABLES, settings_of
from exporters.settings.config import Config, build_config
from stats_gateway import __version__
from stats_gateway.wire.services import Service
from tests.e2e.harness.program import LOOPBACK, Program

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["proxy", "pool"]


def run(
    service: str, *flags: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A service that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", f"exporters.{service}", *flags],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_its_version_and_its_settings(service: str) -> None:
    assert run(service, "--version").stdout == f"stats-{service} {__version__}\n"


def test_help_names_every_flag_in_the_group_of_its_table_and_fits_80_columns() -> None:
    found = run("proxy", "--help")
    assert found.returncode == 0
    places = [found.stdout.index(f"\n{table}: ") for table in TABLES]
    assert places == sorted(places)
    for setting in settings_of(Service.PROXY):
        flag = found.stdout.index(f"  {setting.flag} ")
        assert flag > found.stdout.index(f"\n{setting.table}: "), setting.flag
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert found.stdout.splitlines()[1] == "", "the usage is one line"


def test_good_settings_can_be_checked_without_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        checked = run("proxy", "--config.check", "--web.listen-address", address)
    assert (checked.returncode, checked.stdout) == (0, "stats-proxy: configuration is fine\n")
    assert checked.stderr == ""


def test_bad_settings_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "stats.toml"
    file.write_text("[limits]\nmax_row = 5\n")
    for flags in (["--config.file", str(file)], ["--log.level=loud", "--config.check"]):
        ended = run("proxy", *flags)
        assert ended.returncode == 2
        assert ended.stderr.startswith("stats-proxy: ")
        assert ended.stderr.count("\n") == 1


WRONG_FILES = {
    "--config.file": {
        "an endless number": f"[limits]\nmax_rows = {'9' * 5000}",
        "deep arrays": "a = " + "[" * 3000,
        "a path with NUL": '[ingest]\ntoken_file = "a\\u0000b"',
        "a control character": '["\\u001b[31m"]\na = 1',
        "no TOML": "[",
    },
    "--web.config.file": {
        "an endless number": f"rate_limit:\n  interval: 1s\n  burst: {'9' * 5000}",
        "deep lists": "[\n" * 3000,
        "a path with NUL": 'tls_server_config:\n  cert_file: "a\\0b"\n  key_file: c',
        "a bad salt": f"basic_auth_users:\n  a: $2y$04${'z' * 53}",
        "no YAML": "a: [",
        "an escape of no character": 'a: "\\UFFFFFFFF"',
    },
    "--ingest.token-file": {"no token": "# none\n", "no text": "\udcff"},
    "--ingest.tls-cert-file": {"no certificate": "none"},
}


@pytest.mark.usefixtures("_restored_logging")
@pytest.mark.parametrize(
    ("flag", "content"),
    [
        pytest.param(flag, content, id=f"{flag} {what}")
        for flag, contents in WRONG_FILES.items()
        for what, content in contents.items()
    ],
)
def test_whatever_is_wrong_in_a_file_is_one_line_that_names_the_file_and_exit_code_2(
    flag: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text(content, errors="surrogateescape")
    flags = [flag, str(file), "--config.check"]
    if flag == "--ingest.tls-cert-file":
        flags += ["--ingest.tls-key-file", str(file)]
    assert program.run(Service.PROXY, LAYOUT, flags, {}) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("stats-proxy: --")
    assert line.isprintable()
    assert str(file) in line


@contextmanager
def closed_folder(folder: Path) -> Iterator[None]:
    """Nobody may enter `folder`, also where the tests run as root."""
    user = os.geteuid()
    folder.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


@pytest.mark.usefixtures("_restored_logging")
def test_a_file_in_a_folder_one_may_not_enter_says_permission_denied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "file").touch()
    for flag in ("--config.file", "--web.config.file", "--ingest.token-file"):
        with closed_folder(folder):
            code = program.run(Service.PROXY, LAYOUT, [f"{flag}={folder}/file"], {})
        assert code == 2
        assert "permission denied" in capsys.readouterr().err.lower()


def test_a_misspelt_variable_is_warned_about() -> None:
    checked = run("proxy", "--config.check", environment={"STATS_PROXY_INGEST_TOKEN_FIEL": "a"})
    assert checked.returncode == 0
    (line,) = checked.stderr.splitlines()
    assert "level=warn" in line
    assert "did you mean STATS_PROXY_INGEST_TOKEN_FILE?" in line


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("library", ["msgspec", "starlette", "yaml", "prometheus_client"])
def test_a_missing_library_is_one_line_that_says_how_to_install_it(
    service: str, library: str
) -> None:
    hidden = (
        f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = ['--help']\n"
        f"from exporters.{service}.__main__ import main; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", hidden],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        f"stats-{service}: the library {library} is missing: "
        "run pip install 'stratum-stats[services]'\n"
    )


def test_sighup_has_files_read_again_and_does_not_end_the_service(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("some-token\n")
    tokens.chmod(0o600)
    addresses = [f"--{one}.listen-address={LOOPBACK}:0" for one in ("ingest", "web")]
    with Program("exporters.proxy", *addresses, f"--ingest.token-file={tokens}") as running:
        running.wait_for_line("listening for HTTP")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_line("tokens of senders: read again, as asked")
        assert running.stop() == 0


def test_too_few_open_files_mean_fewer_connections_of_both_listeners_and_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = build_config(Service.PROXY, {}, {}, {})
    total = config.limits.max_connections + config.web_limits.max_connections
    fewer = program.fit_open_files(config, 512)
    assert both(fewer) == (256, 128)
    assert sum(both(fewer)) == 512 - program.SPARE_FILES
    (record,) = caplog.records
    text = record.getMessage()
    assert f"only 512 files may be open at once (ulimit -n), and {total + 128} are needed" in text
    assert "--limits.max-connections is 256 instead of 1024" in text
    assert "--web.max-connections 128 instead of 512" in text


@pytest.mark.parametrize("files", [1, 2, 16, 64, 200, 1000])
def test_however_few_files_there_are_each_listener_takes_a_connection(files: int) -> None:
    fewer = program.fit_open_files(build_config(Service.PROXY, {}, {}, {}), files)
    assert min(both(fewer)) >= 1
    assert sum(both(fewer)) <= max(2, files)


def test_a_service_that_may_open_few_files_says_so_when_it_starts() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = f"{LOOPBACK}:{taken.getsockname()[1]}"
        command = f"ulimit -n 256; exec {sys.executable} -m exporters.proxy"
        ended = subprocess.run(
            ["sh", "-c", f"{command} --ingest.listen-address={address}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    warning, end = ended.stderr.splitlines()
    assert "only 256 files may be open" in warning
    assert "cannot listen" in end


def both(config: Config) -> tuple[int, int]:
    return config.limits.max_connections, config.web_limits.max_connections


@pytest.mark.parametrize("flag", ["--ingest.listen-address", "--web.listen-address"])
def test_a_port_that_is_taken_is_one_line_and_exit_code_1(flag: str) -> None:
    other = {"--ingest.listen-address", "--web.listen-address"} - {flag}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("pool", flag, address, *(f"{one}=127.0.0.1:0" for one in other))
    assert ended.returncode == 1
    reason = f"stats-pool: cannot listen on {address} ({flag}): Address already in use"
    assert ended.stderr.startswith(reason)
    assert ended.stderr.count("\n") == 1


def test_a_name_that_nobody_resolves_is_one_line_and_exit_code_1() -> None:
    address = "nosuch.invalid:8086"
    ended = run("pool", f"--ingest.listen-address={address}", "--web.listen-address=127.0.0.1:0")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    start = f"stats-pool: cannot listen on {address} (--ingest.listen-address): "
    assert line.startswith(start)
    assert "Errno" not in line
    assert "while attempting" not in line
