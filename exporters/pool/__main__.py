"""This module is the program `stats-pool`."""

import os
import sys

from exporters.exposition.families.pool import LAYOUT
from exporters.service import run
from stats_gateway.wire.services import Service


def main() -> int:
    """Run the service; gives its exit code."""
    return run(Service.POOL, LAYOUT, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
