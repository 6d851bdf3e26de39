"""This module is the program `stats-proxy`."""

import os
import sys

from exporters.exposition.families.proxy import LAYOUT
from exporters.service import run
from stats_gateway.wire.services import Service


def main() -> int:
    """Run the service; gives its exit code."""
    return run(Service.PROXY, LAYOUT, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
