"""This module is the program `stats-feed`: its command line and its exit code."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from stats_feed.simulate.options import DESCRIPTION, EXAMPLE, add_flags, read_options
from stats_feed.simulate.run import simulate


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="stats-feed", description="Senders as programs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "simulate",
        help="send the snapshots of a simulated translator and pool",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(command)
    options = read_options(command, parser.parse_args(argv))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    simulate(options, _stop_on_signals())
    return 0


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def request(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, request)
    signal.signal(signal.SIGTERM, request)
    return stop


if __name__ == "__main__":
    sys.exit(main())
