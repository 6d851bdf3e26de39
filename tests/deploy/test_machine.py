"""What README and docs/operations.md say for systemd, done on a machine with a real one."""

import re
from collections.abc import Iterator

import pytest

from tests.deploy.machine import Machine, booted
from tests.support.documents import examples
from tests.support.until import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SENDER = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", 8082), timeout=30) as sender:
    sender.sendall(sys.argv[1].encode() + b"\\n")
    print(sender.recv(200).decode())
"""
PROBE = """
import socket, sys, time, urllib.request
asked = 0
while True:
    urllib.request.urlopen("http://127.0.0.1:8084/-/ready", timeout=30).close()
    socket.create_connection(("127.0.0.1", 8082), timeout=30).close()
    asked += 1
    print(asked, flush=True)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


def test_every_command_for_systemd_does_what_its_page_says(machine: Machine) -> None:
    (install,) = examples("README.md", "systemd")
    machine.run(install.replace("sudo apt-get install make python3-venv\n", ""))
    assert "stats-pool" in machine.run("curl -s http://127.0.0.1:9084/-/ready")
    (uninstall,) = examples("docs/operations.md", "systemd, at the end")
    for block in examples("docs/operations.md", "systemd"):
        machine.run(block)
        if "ListenStream" in block:
            assert "0.0.0.0:8082" in machine.run("ss --listening --tcp --numeric --no-header")
    for unit in ("stats-proxy", "stats-pool", "stats-feed@translator-1"):
        assert machine.run(f"systemctl is-active {unit}") == "active\n"
    assert "translator-1" in machine.run("cat /etc/stratum-stats/secrets/stats-proxy/tokens")

    confined(machine)
    secrets(machine)
    restarts(machine)

    machine.run(uninstall)
    left = machine.run("ls /etc/systemd/system /etc/stratum-stats; ls -d /opt/* || true")
    assert "stats-proxy.service" not in left
    assert "stats-proxy.toml" in left
    assert "/opt/stratum-stats" not in left
    assert machine.run("find /etc/systemd/system -name 'stats-*' -not -type d").split() == []
    assert machine.try_to_run("systemctl is-active stats-proxy").returncode != 0


def confined(machine: Machine) -> None:
    """A unit's process has a user of its own, no capability and a filter of system calls."""
    status = machine.run(f"cat /proc/{machine.main_pid('stats-proxy')}/status")
    found = dict(re.findall(r"^(\w+):\s+(\S+)", status, re.MULTILINE))
    assert int(found["Uid"]) > 60_000
    assert int(found["CapBnd"], 16) == 0
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    # Some protections hide what prometheus-client reads of the process.
    scrape = machine.run("curl -s http://127.0.0.1:8084/metrics")
    assert "\nprocess_open_fds " in scrape


def secrets(machine: Machine) -> None:
    """A token and a password in the folder of secrets are in force after a restart."""
    machine.run(
        "cd /etc/stratum-stats; echo 's3cret rig' > secrets/stats-proxy/tokens\n"
        "sed -i 's/^#token_file/token_file/' stats-proxy.toml; systemctl restart stats-proxy"
    )
    wrong = '{"Hello": {"source": "rig", "token": "guessed"}}'
    assert "Error" in machine.run(f"python3 -c '{SENDER}' '{wrong}'")
    right = '{"Hello": {"source": "rig", "token": "s3cret"}}'
    assert "Welcome" in machine.run(f"python3 -c '{SENDER}' '{right}'")
    machine.run("systemctl reload stats-proxy")
    until(lambda: machine.try_to_run("systemctl is-active stats-proxy").stdout == "active\n")
    assert "read again, as asked" in machine.run("journalctl --no-pager --unit=stats-proxy")


def restarts(machine: Machine) -> None:
    """A restart refuses nobody, a stuck service is replaced, wrong settings are tried once."""
    machine.run(f"python3 -uc '{PROBE}' >/tmp/asked 2>/tmp/refused &")
    until(lambda: len(machine.run("cat /tmp/asked").split()) > 3)
    before = machine.main_pid("stats-proxy")
    machine.run("systemctl restart stats-proxy")
    assert machine.main_pid("stats-proxy") != before
    asked = len(machine.run("cat /tmp/asked").split())
    until(lambda: len(machine.run("cat /tmp/asked").split()) > asked)
    assert machine.run("cat /tmp/refused") == ""

    # As at the end of the 30 s, after which systemd sends this signal.
    before = machine.main_pid("stats-pool")
    machine.run("systemctl kill --signal=ABRT stats-pool")
    until(lambda: machine.main_pid("stats-pool") not in (0, before))

    machine.run("sed -i '1i unknown = 1' /etc/stratum-stats/stats-pool.toml")
    assert machine.try_to_run("systemctl restart stats-pool").returncode != 0
    shown = machine.run("systemctl show --property=ActiveState,ExecMainStatus stats-pool")
    assert set(shown.split()) == {"ActiveState=failed", "ExecMainStatus=2"}
