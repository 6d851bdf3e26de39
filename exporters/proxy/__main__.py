"""This module is the program `stats-proxy`."""

import os
import sys

from exporters.errors import missing_extra
from stats_gateway.wire.services import Service


def main() -> int:
    """Run the service; gives its exit code."""
    try:
        from exporters.exposition.families.proxy import LAYOUT  # noqa: PLC0415 - see below
        from exporters.service import run  # noqa: PLC0415 - a missing library is no traceback
    except ModuleNotFoundError as error:
        print(missing_extra("stats-proxy", error), file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    return run(Service.PROXY, LAYOUT, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
