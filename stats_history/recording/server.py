"""This module runs a Prometheus of its own that answers queries over blocks."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from stats_history.errors import HistoryError
from stats_history.writing.programs import die_with_parent, find_program

START_SECONDS = 300.0
"""How long Prometheus may take to open the blocks; a second is usual."""

ANSWER_SECONDS = 3600.0
"""How long one query may take; all rules over 10 million rows took 70 s together."""

_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.1
_OPEN = build_opener(ProxyHandler({})).open


class Server:
    """The query API of a running Prometheus."""

    def __init__(self, port: int) -> None:
        self._address = f"http://{_LOOPBACK}:{port}"

    def rule_groups(self) -> list[dict[str, Any]]:  # Any: JSON, as Prometheus documents it
        """The groups of the rules that the server was given."""
        groups: list[dict[str, Any]] = self._ask("rules")["groups"]
        return groups

    def range(self, query: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
        """The series that `query` gives at `start`, and each `step` after it, before `end`."""
        answer = self._ask("query_range", query=query, start=start, end=end - 1, step=step)
        found: list[dict[str, Any]] = answer["result"]
        return found

    def is_ready(self) -> bool:
        """Whether Prometheus answers queries yet."""
        try:
            with _OPEN(f"{self._address}/-/ready", timeout=5):
                return True
        except HTTPError as error:
            error.close()
        except (URLError, OSError):
            pass
        return False

    def _ask(self, api: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON of several shapes
        body = urlencode(parameters).encode() if parameters else None
        try:
            with _OPEN(f"{self._address}/api/v1/{api}", body, ANSWER_SECONDS) as answer:
                return json.load(answer)["data"]
        except HTTPError as error:
            with error:
                told = " ".join(error.read(1000).decode("utf-8", "replace").split())
            raise HistoryError(f"Prometheus cannot evaluate a rule: {told}") from error
        except (URLError, OSError, ValueError) as error:
            raise HistoryError(f"Prometheus stopped answering: {error}") from error


@contextmanager
def serving(folder: Path, rules: Sequence[Path] = ()) -> Iterator[Server]:
    """Run Prometheus on the blocks in `folder`/data, until the context or this process ends."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    config, log = folder / "prometheus.json", folder / "prometheus.log"
    config.write_text(json.dumps({"rule_files": [str(path.resolve()) for path in rules]}))
    port = _free_port()
    server = Server(port)
    command = [
        find_program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        # Nothing is deleted for its age, and nothing compacted: the blocks are needed for minutes.
        "--storage.tsdb.retention.time=100y",
        "--storage.tsdb.min-block-duration=2h",
        "--storage.tsdb.max-block-duration=2h",
        f"--query.timeout={ANSWER_SECONDS:.0f}s",
        f"--web.listen-address={_LOOPBACK}:{port}",
    ]
    with (
        log.open("wb") as out,
        subprocess.Popen(  # noqa: S603 - prometheus from the PATH, and our own file names
            command,
            stdout=out,
            stderr=out,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the import has no threads
        ) as process,
    ):
        try:
            _wait(server, process, log)
            yield server
        finally:
            process.kill()  # nothing that it has written is needed


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text("utf-8", "replace").splitlines()
            errors = [line for line in lines if "err=" in line]
            raise HistoryError(f"prometheus does not start: {' '.join((errors or lines)[:1])}")
        time.sleep(_POLL_SECONDS)


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
