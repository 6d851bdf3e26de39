"""`make demo`: both services, a simulated fleet, a feed, Prometheus, and Grafana where it is."""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from scripts.demo import stack
from scripts.demo.ports import Ports, choose_ports, moved_ports
from scripts.demo.programs import (
    POLL_SECONDS,
    Page,
    Program,
    ProgramFailedError,
    RunningProgram,
    stop_all,
)

DEMO = stack.ROOT / ".demo"


class StopSignal:
    """Whether a signal has asked the demo to stop.

    A plain flag: an Event's lock may be held by the very code that the handler interrupts.
    """

    def __init__(self) -> None:
        self.seen = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._remember)

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self.seen = True


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo until it is asked to stop; 0 then, 1 when one of its programs fails."""
    options = _parse(argv)
    stop = StopSignal()
    run = DEMO / str(os.getpid())
    _remove_finished_runs()
    data = run / "data"
    data.mkdir(parents=True)
    running: list[RunningProgram] = []
    try:
        _start(options, run, running, stop)
        _watch(running, stop, seconds=options.seconds)
    except ProgramFailedError as error:
        _say(f"\n{error}\n")
        return 1
    finally:
        _say("Stopping.")
        stop_all(running)
        shutil.rmtree(data)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--miners", type=int, default=25, help="size of the fleet (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation (%(default)s)")
    parser.add_argument("--for", type=float, dest="seconds", help="stop after so many seconds")
    parser.add_argument(
        "--without-prometheus",
        action="store_true",
        help="only the services and the fleet: no Prometheus, Alertmanager or Grafana",
    )
    return parser.parse_args(argv)


def _start(
    options: argparse.Namespace,
    run: Path,
    running: list[RunningProgram],
    stop: StopSignal,
) -> None:
    """Start everything and wait until it is ready, or until a signal."""
    with _turn():
        ports = choose_ports(Ports())
        for default, port in moved_ports(Ports(), ports).items():
            _say(f"Port {default} is in use; taking {port} in its place.")
        programs = stack.services(ports, miners=options.miners, seed=options.seed)
        programs += stack.feed(ports)
        if not options.without_prometheus:
            programs += _monitoring(ports, run / "data")
        for program in programs:
            log = run / f"{program.name}.log"
            running.append(RunningProgram(program, log=log, folder=stack.ROOT))
        _say("Starting " + ", ".join(program.name for program in programs) + ".")
        while not _all_ready(running) and not stop.seen:
            time.sleep(POLL_SECONDS)
    if not stop.seen:
        _say(_what_to_open(ports, {program.name for program in programs}, run))


def _all_ready(running: Sequence[RunningProgram]) -> bool:
    ready = [program.is_ready() for program in running]  # asks all of them: any may have failed
    return all(ready)


def _monitoring(ports: Ports, data: Path) -> list[Program]:
    """Those of Prometheus, Alertmanager and Grafana that this machine has."""
    programs = []
    alertmanager = stack.find("prometheus-alertmanager", "alertmanager")
    if alertmanager:
        programs.append(stack.alertmanager(ports, alertmanager, folder=data / "alertmanager"))
    else:
        _say("No Alertmanager on the PATH: alerts are shown by Prometheus only.")
    if binary := stack.find("prometheus"):
        folder = data / "prometheus"
        alerting = alertmanager is not None
        programs.append(stack.prometheus(ports, binary, alerting=alerting, folder=folder))
    else:
        _say("No Prometheus here: going on without. 'make tools' tries to fetch it.")
    if binary := stack.find("grafana", "grafana-server"):
        programs.append(stack.grafana(ports, binary, folder=data / "grafana"))
    else:
        _say("No Grafana on the PATH: going on without. 'docker compose up' brings one.")
    return programs


def _watch(running: Sequence[RunningProgram], stop: StopSignal, *, seconds: float | None) -> None:
    """Return at a signal or when the time is over; raise when a program ends before."""
    end = None if seconds is None else time.monotonic() + seconds
    while not stop.seen and (end is None or time.monotonic() < end):
        for program in running:
            program.check()
        time.sleep(POLL_SECONDS)


def _what_to_open(ports: Ports, names: set[str], run: Path) -> str:
    prometheus = Page(port=ports.prometheus)
    pages = [
        ("stats-proxy", "Miners now", Page(port=ports.proxy_web)),
        ("stats-pool", "Pool connections now", Page(port=ports.pool_web)),
        # Some builds of Debian's have no pages for people.
        (
            "prometheus",
            f"Prometheus, {'history' if prometheus.answers() else 'API only'}",
            prometheus,
        ),
        ("alertmanager", "Alertmanager", Page(port=ports.alertmanager)),
        ("grafana", "Grafana, boards", Page(port=ports.grafana)),
    ]
    lines = [f"  {title:<22}{page}" for name, title, page in pages if name in names]
    lines.append(f"  {'Logs':<22}{run.relative_to(stack.ROOT)}/")
    return "\n".join(["", *lines, "", "Ctrl-C stops everything."])


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """One demo at a time chooses ports and takes them."""
    with (DEMO / "start.flock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_finished_runs() -> None:
    """Delete the logs, and what may be left, of demos that no longer run."""
    for run in DEMO.glob("[0-9]*"):
        ours = run.name == str(os.getpid())  # of an earlier process with our number
        if ours or not Path("/proc", run.name).exists():
            shutil.rmtree(run, ignore_errors=True)


def _say(text: str) -> None:
    # A terminal that was closed must not keep the demo from stopping what it started.
    with contextlib.suppress(OSError):
        print(text, flush=True)  # noqa: T201 - the terminal is this program's user interface


if __name__ == "__main__":
    sys.exit(main())
