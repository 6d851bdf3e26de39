"""This module is the program `stats-feed`: its command line and its exit code."""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from stats_feed.ckpool import feed as ckpool_feed
from stats_feed.ckpool import options as ckpool
from stats_feed.flags import CommonOptions, HelpFormatter
from stats_feed.gateways import Gateways
from stats_feed.health import Health, HealthServer
from stats_feed.polling import WrongSourceError
from stats_feed.program.logs import configure_logging
from stats_feed.program.stopping import stop_on_signals
from stats_feed.simulate import options as simulate
from stats_feed.simulate import run as simulate_run
from stats_feed.sri import feed as sri_feed
from stats_feed.sri import options as sri
from stats_feed.tap import feed as tap_feed
from stats_feed.tap import options as tap
from stats_systemd.notify import Notifier

logger = logging.getLogger(__name__)

OK, FAILED = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One feed. Its options are a type of its own, which only its own functions look into."""

    name: str
    help: str
    description: str
    example: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    read_options: Callable[[argparse.ArgumentParser, argparse.Namespace], Any]
    check: Callable[[Any], None] = lambda _: None
    """Looks at the files that the options name. Raises WrongSourceError."""
    run: Callable[[Any, Gateways, Health, threading.Event], None]
    """Runs until the event is set. Raises WrongSourceError."""


COMMANDS = (
    Command(
        name="sri",
        help="read the monitoring API of an SRI or hashpool program",
        description=sri.DESCRIPTION,
        example=sri.EXAMPLE,
        add_flags=sri.add_flags,
        read_options=sri.read_options,
        run=sri_feed.run,
    ),
    Command(
        name="ckpool",
        help="read the status files of a ckpool",
        description=ckpool.DESCRIPTION,
        example=ckpool.EXAMPLE,
        add_flags=ckpool.add_flags,
        read_options=ckpool.read_options,
        check=ckpool_feed.check,
        run=ckpool_feed.run,
    ),
    Command(
        name="tap",
        help="pass Stratum V1 through between miners and a pool, and read a copy",
        description=tap.DESCRIPTION,
        example=tap.EXAMPLE,
        add_flags=tap.add_flags,
        read_options=tap.read_options,
        check=tap_feed.check,
        run=tap_feed.run,
    ),
    Command(
        name="simulate",
        help="send the snapshots of a simulated translator and pool",
        description=simulate.DESCRIPTION,
        example=simulate.EXAMPLE,
        add_flags=simulate.add_flags,
        read_options=simulate.read_options,
        run=simulate_run.run,
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 stopped, 1 could not go on. 2 is a bad flag."""
    parser = argparse.ArgumentParser(
        prog="stats-feed",
        description="Senders as programs, beside the software that people run.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stats-feed {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            epilog=command.example,
            formatter_class=HelpFormatter,
        )
        command.add_flags(sub)
        sub.set_defaults(chosen=(command, sub))
    arguments = parser.parse_args(argv)
    command, sub = arguments.chosen
    del arguments.chosen
    return _run(command, command.read_options(sub, arguments))


def _run(command: Command, options: Any) -> int:  # noqa: ANN401 - each command has its own type
    common: CommonOptions = options.common
    configure_logging(common.log_level, common.log_format)
    try:
        command.check(options)
        if common.check:
            print(f"stats-feed {command.name}: the flags are fine")  # noqa: T201 - the answer
            return OK
        with ExitStack() as stack:
            health = Health(_version())
            if common.health is not None:
                stack.enter_context(HealthServer(common.health, health))
            gateways = Gateways(stack, health, token=common.token, version=_version())
            stack.enter_context(Notifier(os.environ, os.getpid()).running())
            command.run(options, gateways, health, stop_on_signals())
    except (OSError, WrongSourceError) as error:
        print(f"stats-feed {command.name}: {error}", file=sys.stderr)  # noqa: T201 - the answer
        return FAILED
    logger.info("stopped")
    return OK


def _version() -> str:
    try:
        return version("stratum-stats")
    except PackageNotFoundError:  # run from a folder, without being installed
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
