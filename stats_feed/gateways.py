"""This module opens the connections to the services that a feed sends to."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum

from stats_feed.health import Address, Health
from stats_feed.polling import WrongSourceError
from stats_gateway.sender import StatsHandle

Handles = Sequence[StatsHandle]


class Service(Enum):
    """The two services; the value is how `--to` names them: `pool=10.0.0.5:9083`."""

    PROXY = "proxy"
    POOL = "pool"


DEFAULTS = {Service.PROXY: ("127.0.0.1", 8082), Service.POOL: ("127.0.0.1", 9083)}


@dataclass(frozen=True, slots=True)
class Destination:
    """One `--to`: a service's address, and which service it is when that was said."""

    service: Service | None
    address: Address


class Gateways:
    """The connections of one process, closed together. Opening one does not wait for its peer."""

    def __init__(
        self, stack: ExitStack, health: Health, *, token: str | None, version: str | None
    ) -> None:
        self._stack = stack
        self._health = health
        self._token = token
        self._version = version
        self._unnamed: set[Service] = set()

    def addresses(self, service: Service, to: Sequence[Destination]) -> Sequence[Address]:
        """Return where `service` is, as `to` says; its default address where `to` says nothing.

        Raises WrongSourceError where an address without a service would be used for both.
        """
        named = [one.address for one in to if one.service is service]
        unnamed = [one.address for one in to if one.service is None]
        if unnamed:
            self._unnamed.add(service)
        if len(self._unnamed) > 1:
            raise WrongSourceError(
                " belongs to another service than the other URLs: say which service --to is, "
                "as proxy=HOST:PORT and pool=HOST:PORT"
            )
        return [*named, *unnamed] or [DEFAULTS[service]]

    def open(self, addresses: Iterable[Address], *, source: str, interval: float) -> Handles:
        """Open a connection to each address, for the snapshots of `source`."""
        handles = []
        for address in addresses:
            handle = self._stack.enter_context(
                StatsHandle(
                    address,
                    source=source,
                    interval=interval,
                    token=self._token,
                    version=self._version,
                )
            )
            self._health.add_gateway(source, address, handle)
            handles.append(handle)
        return handles
