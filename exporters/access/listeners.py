"""The access rules of both listeners, with a warning where a listener has none."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from exporters.access.reloading import Watched
from exporters.access.sender_access import IngestGate, ingest_gate
from exporters.access.web_config import WebConfig, watch_web_config
from exporters.exposition.self_metrics import LastReload
from exporters.settings.addresses import Address
from exporters.settings.config import Config, IngestAccess

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gates:
    """The access rules of each listener."""

    ingest: IngestGate
    web_config: Callable[[], WebConfig]
    watched: tuple[Watched[Any], ...]
    """Any: everything that is read from files, of every kind."""
    opened_at: float = field(default_factory=time.time)
    """Unix seconds."""

    def last_reload(self) -> LastReload:
        """The last time that the files were read: successful where all of them were right."""
        is_successful = all(one.is_in_force for one in self.watched)
        read_at = max((one.read_at for one in self.watched), default=self.opened_at)
        return LastReload(is_successful, read_at)

    def warn_if_open(self, ingest: Address, web: Address, access: IngestAccess) -> None:
        """Warn where other machines than this one may come in without any check."""
        if access.is_open and not ingest.is_loopback:
            log.warning(
                "everyone who can reach %s may send and replace what is shown: "
                "set --ingest.token-file, --ingest.tls-client-ca-file or --ingest.allow-networks",
                ingest,
            )
        if self.web_config().is_open and not web.is_loopback:
            log.warning(
                "everyone who can reach %s may read all of it: set --web.config.file, "
                "or let only Prometheus reach it",
                web,
            )


def open_gates(config: Config) -> Gates:
    """The rules in all files that `config` names. Raises `ConfigError`."""
    ingest = ingest_gate(config.ingest_access)
    if config.web_config_file is None:
        return Gates(ingest, WebConfig, ingest.watched)
    web = watch_web_config(config.web_config_file)
    return Gates(ingest, lambda: web.value, (*ingest.watched, web))
