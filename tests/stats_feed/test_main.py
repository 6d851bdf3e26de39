import socket
import subprocess
import sys

import pytest

from stats_feed.__main__ import COMMANDS, main
from tests.support.programs import ROOT


@pytest.mark.parametrize("command", [[], *([one.name] for one in COMMANDS)], ids=str)
def test_help_fits_80_columns_however_wide_the_terminal_is(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as exit_:
        main([*command, "--help"])
    assert exit_.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_a_port_for_metrics_that_is_taken_is_a_clear_error_and_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "stats_feed", "simulate", "--pool=none", listen]
        ran = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
    assert ran.returncode == 1
    assert "Address already in use" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", [one.name for one in COMMANDS])
def test_an_unknown_flag_is_exit_code_2(command: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--no-such-flag"])
    assert exit_.value.code == 2
