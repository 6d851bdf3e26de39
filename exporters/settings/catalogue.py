"""The catalogue holds every setting, with its flag, its key in the file and its variable.

`--limits.max-rows` is `max_rows` in the `[limits]` table of the file and
`STATS_PROXY_LIMITS_MAX_ROWS` in the environment of stats-proxy. A flag beats the environment, which
beats the file, which beats the default.
"""

import re
from collections.abc import Iterable

from exporters.errors import did_you_mean
from exporters.settings.setting import Setting
from exporters.settings.tables.history import HISTORY
from exporters.settings.tables.ingest import ingest_settings
from exporters.settings.tables.limits import LIMITS
from exporters.settings.tables.log import LOG
from exporters.settings.tables.privacy import PRIVACY
from exporters.settings.tables.web import web_settings
from stats_gateway.wire.services import Service

TABLES = {
    "ingest": "the listener for senders, and who may send",
    "web": "the HTTP listener, and who may read",
    "limits": "what senders may cost",
    "history": "history and firing alerts, asked of Prometheus",
    "log": "log lines on standard error",
    "privacy": "what is forgotten about miners and connections",
}
"""What the settings of each table are about, in the order of --help."""

_OF_KUBERNETES = re.compile("_(PORT|SERVICE)(_|$)")
"""In the variables that Kubernetes sets for a service that is called, say, stats-proxy-web."""


def settings_of(service: Service) -> tuple[Setting, ...]:
    """Every setting of `service`, in the order of --help."""
    return (
        *ingest_settings(service),
        *web_settings(service),
        *LIMITS,
        *HISTORY,
        *LOG,
        *PRIVACY,
    )


def unknown_variables(service: Service, names: Iterable[str]) -> list[str]:
    """Those of `names` that look like variables of `service` and are no setting, with a hint."""
    known = [setting.variable(service) for setting in settings_of(service)]
    prefix = f"{service.value.replace('-', '_')}_".upper()
    return [
        f"{name} is no setting{did_you_mean(name, known)}"
        for name in sorted(set(names).difference(known))
        if name.startswith(prefix) and not _OF_KUBERNETES.search(name)
    ]
