"""`make demo`: both services, a simulated fleet with a past, feeds, Prometheus, Grafana."""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from scripts.demo import stack
from scripts.demo.backfill import Backfill, beginning
from scripts.demo.guide import Running, days_text, guide, said
from scripts.demo.keys import Key, Keys, reading_keys
from scripts.demo.ports import LOOPBACK, Ports, choose_ports, moved_ports
from scripts.demo.programs import (
    POLL_SECONDS,
    Program,
    ProgramFailedError,
    RunningProgram,
    stop_all,
)
from stats_feed.simulate import options as simulate
from stats_feed.simulate.commands import Command
from stats_feed.simulate.run import World
from stats_history.errors import HistoryError

DEMO = stack.ROOT / ".demo"

RUNNING_FOR = 45 * 60
"""The fleet begins as though it had been running for so many seconds: its troubles have begun, and
what Prometheus knows of them is enough for its alerts."""

MOST_DAYS = 7
MINER_DAYS = 7 * 25
"""How much history is imported: with more miners fewer days, so that it stays ten seconds."""


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


class StoppedError(Exception):
    """A signal came while something long was going on."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo until it is asked to stop; 0 then, 1 when one of its programs fails."""
    options = _parse(argv)
    stop = StopSignal()
    run = DEMO / str(os.getpid())
    _remove_finished_runs()
    (run / "data").mkdir(parents=True)
    running: dict[str, RunningProgram] = {}
    try:
        _start(options, run, running, stop)
        with reading_keys() as keys:
            _say(guide(_shown(options, run, running, keys)))
            _watch(running, stop, keys, seconds=options.seconds)
    except ProgramFailedError as error:
        _say(f"\n{error}\n")
        return 1
    except StoppedError:
        _say("")  # after the line of a progress
    finally:
        _say("Stopping.")
        stop_all(list(running.values()))
        shutil.rmtree(run / "data")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--miners", type=int, default=25, help="size of the fleet (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation (%(default)s)")
    parser.add_argument("--for", type=float, dest="seconds", help="stop after so many seconds")
    parser.add_argument(
        "--days", type=int, help="of simulated history, 0 for none (7 for a fleet of 25)"
    )
    parser.add_argument(
        "--without-prometheus",
        action="store_true",
        help="only the services and the fleet: no Prometheus, Alertmanager or Grafana",
    )
    options = parser.parse_args(argv)
    if options.days is None:
        options.days = max(1, min(MOST_DAYS, MINER_DAYS // max(options.miners, 1)))
    options.began = beginning(int(time.time()), RUNNING_FOR)
    return options


def _start(
    options: argparse.Namespace,
    run: Path,
    running: dict[str, RunningProgram],
    stop: StopSignal,
) -> None:
    """Start everything and wait until it is ready, or until a signal."""
    with _turn():
        options.ports = ports = choose_ports(Ports())
        for default, port in moved_ports(Ports(), ports).items():
            _say(f"Port {default} is in use; taking {port} in its place.")
        fleet = stack.fleet_flags(
            ports, miners=options.miners, seed=options.seed, began=options.began
        )
        options.fleet = simulate.parse(fleet, prog="make demo")
        history = not options.without_prometheus and stack.find("prometheus") is not None
        _launch(stack.services(ports, fleet, history=history), run, running)
        # A service is healthy when any source sends: the fleet is waited for before the feeds.
        _wait_until_ready(running, stop)
        _launch(stack.feeds(ports), run, running)
        if not options.without_prometheus:
            if history and options.days:
                options.days = _import_past(options, ports, run / "data" / "prometheus", stop)
            _launch(_monitoring(ports, run / "data"), run, running)
        _wait_until_ready(running, stop)


def _launch(programs: Sequence[Program], run: Path, running: dict[str, RunningProgram]) -> None:
    if programs:
        _say("Starting " + ", ".join(program.name for program in programs) + ".")
    for program in programs:
        log = run / f"{program.name}.log"
        running[program.name] = RunningProgram(program, log=log, folder=stack.ROOT)


def _import_past(options: argparse.Namespace, ports: Ports, folder: Path, stop: StopSignal) -> int:
    """Give Prometheus a past before it starts; how many days of it there are."""
    past = Backfill(
        options=options.fleet,
        seed=options.seed,
        began=options.began,
        days=options.days,
        proxy=f"{LOOPBACK}:{ports.proxy_web}",
        pool=f"{LOOPBACK}:{ports.pool_web}",
        rules=stack.RULES / "recording.yml",
    )
    title = f"Importing {days_text(options.days)} of simulated history"
    terminal = sys.stdout.isatty()

    def tell(part: float) -> None:
        if stop.seen:
            raise StoppedError
        if terminal:
            _say(f"\r{title}: {part:.0%}", end="")

    if not terminal:
        _say(f"{title}.")
    try:
        past.write(folder, int(time.time()), tell)
    except HistoryError as error:
        if stop.seen:  # Ctrl-C reaches the programs of the import, too.
            raise StoppedError from error
        _say(f"\nNo history: {error}")
        shutil.rmtree(folder)
        return 0
    if terminal:
        _say("")
    return int(options.days)


def _shown(
    options: argparse.Namespace, run: Path, running: Mapping[str, RunningProgram], keys: Keys
) -> Running:
    return Running(
        ports=options.ports,
        names=running.keys(),
        miners=World(options.fleet, options.seed).fleet.machines,
        days=options.days if "prometheus" in running else 0,
        logs=f"{run.relative_to(stack.ROOT)}/",
        keys=keys.can_be_pressed,
    )


def _wait_until_ready(running: Mapping[str, RunningProgram], stop: StopSignal) -> None:
    # All of them are asked each time: any may have failed.
    while [one for one in running.values() if not one.is_ready()]:
        if stop.seen:
            raise StoppedError
        time.sleep(POLL_SECONDS)


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


def _watch(
    running: dict[str, RunningProgram], stop: StopSignal, keys: Keys, *, seconds: float | None
) -> None:
    """Return at a signal, at a key or when the time is over; raise when a program ends before."""
    end = None if seconds is None else time.monotonic() + seconds
    while not stop.seen and (end is None or time.monotonic() < end):
        for program in running.values():
            program.check()
        for key in keys.wait(POLL_SECONDS):
            if key is Key.QUIT:
                return
            _obey(key, running)
            _say(said(key, alerts="prometheus" in running))


def _obey(key: Key, running: dict[str, RunningProgram]) -> None:
    if key is Key.KILL:
        running["stats-feed"].tell(Command.UNPLUG)
    elif key is Key.TRANSLATOR:
        running["stats-feed"].tell(Command.TRANSLATOR)
    elif key is Key.RESTART:
        running["stats-proxy"] = running["stats-proxy"].restart()


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """One demo at a time chooses ports and takes them."""
    with (DEMO / "start.flock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting until another demo has started.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_finished_runs() -> None:
    """Delete the logs, and what may be left, of demos that no longer run."""
    for run in DEMO.glob("[0-9]*"):
        ours = run.name == str(os.getpid())  # of an earlier process with our number
        if ours or not Path("/proc", run.name).exists():
            shutil.rmtree(run, ignore_errors=True)


def _say(text: str, end: str = "\n") -> None:
    # A terminal that was closed must not keep the demo from stopping what it started.
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)  # noqa: T201 - the terminal is this program's user interface


if __name__ == "__main__":
    sys.exit(main())
