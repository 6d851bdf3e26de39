"""A server in a process of its own, and what Prometheus, Alertmanager or a service answers."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.support.programs import ROOT
from tests.support.until import until

LOOPBACK = "127.0.0.1"
STARTED_SECONDS = 45.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A series that Prometheus answered, and its value."""

    labels: Mapping[str, str]
    value: float


@contextmanager
def running(
    command: Sequence[str], log: Path, port: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command`, once `port` of loopback is ready; it must live until the end, and is stopped then.

    Without a port nothing is waited for. `log` takes all that the program says.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process,
    ):
        try:
            if port is not None:
                until(lambda: is_ready(port) or ended(process), STARTED_SECONDS, command[0])
            assert not ended(process), f"{command} ended:\n{log.read_text()[-2000:]}"
            yield process
            assert not ended(process), f"{command} ended:\n{log.read_text()[-2000:]}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def is_ready(port: int) -> bool:
    """Whether a server on `port` says that it is ready."""
    try:
        with urlopen(f"http://{LOOPBACK}:{port}/-/ready", timeout=5):
            return True
    except HTTPError as error:
        error.close()
    except (OSError, HTTPException):
        pass
    return False


def asked(port: int, path: str, **parameters: object) -> Any:  # noqa: ANN401 - as many shapes as paths
    """The data that the Prometheus on `port` answers at `path` of its API."""
    url = f"http://{LOOPBACK}:{port}/api/v1/{path}?{urlencode(parameters)}"
    with urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]
