"""What a pool knows about the translators, mints and job declarators connected to it."""

from stats_gateway.sender.snapshots import ConnectionInfo, ConnectionSnapshot, ConnectionType
from stats_gateway.sender.trackers.downstreams import Downstream, Downstreams, shown

__all__ = ["DownstreamTracker"]


class Connection(Downstream):
    """One connection of the pool."""

    __slots__ = (
        "channels",
        "connection_type",
        "ehash_mined",
        "name",
        "quotes_created",
        "work_selection",
    )

    def __init__(
        self,
        downstream_id: int,
        connection_type: ConnectionType,
        name: str | None,
        address: str | None,
        now: float,
    ) -> None:
        super().__init__(downstream_id, address, now)
        self.connection_type = connection_type
        self.name = None if name is None else shown(name)
        self.channels: set[int] = set()
        # A mint that has made no quote yet has made 0; of the others it is not known.
        self.quotes_created = 0 if connection_type is ConnectionType.MINT else None
        self.ehash_mined = self.quotes_created
        self.work_selection = connection_type is ConnectionType.JOB_DECLARATOR

    def connection_info(self, now: float) -> ConnectionInfo:
        with self.lock:
            return {
                "name": self.name,
                "connection_type": self.connection_type.value,
                "channels": sorted(self.channels),
                "quotes_created": self.quotes_created,
                "ehash_mined": self.ehash_mined,
                "work_selection": self.work_selection,
                **self.info(now),
            }


class DownstreamTracker(Downstreams[Connection]):
    """The connections of one pool; every method may be called from any thread.

    With `redact_ip` the connections' addresses are neither kept nor sent.
    """

    def __init__(self, *, listen_address: str | None = None, redact_ip: bool = False) -> None:
        super().__init__(redact_ip=redact_ip)
        self._listen_address = listen_address

    def connect(
        self,
        downstream_id: int,
        connection_type: ConnectionType,
        now: float,
        *,
        name: str | None = None,
        address: str | None = None,
    ) -> None:
        """Add a connection, or begin a new session of one whose id is known.

        Raises ValueError for an id that is not an unsigned 32-bit number.
        """
        self._add(Connection(downstream_id, connection_type, name, self._address(address), now))

    def work_selection(self, downstream_id: int, *, enabled: bool) -> None:
        """Say whether a downstream chooses its own work; a job declarator does by default."""

        def change(connection: Connection) -> None:
            connection.work_selection = enabled

        self._update(downstream_id, change)

    def channel_opened(self, downstream_id: int, channel_id: int) -> None:
        """Add a channel."""
        self._update(downstream_id, lambda connection: connection.channels.add(channel_id))

    def channel_closed(self, downstream_id: int, channel_id: int) -> None:
        """Remove a channel; one that is not open is none to remove."""
        self._update(downstream_id, lambda connection: connection.channels.discard(channel_id))

    def quote_created(self, downstream_id: int, amount: int) -> None:
        """Add one quote of `amount` ehash to a connection's totals."""

        def change(connection: Connection) -> None:
            connection.quotes_created = (connection.quotes_created or 0) + 1
            connection.ehash_mined = (connection.ehash_mined or 0) + amount

        if self._valid(amount):
            self._update(downstream_id, change)

    def snapshot(self, now: float) -> ConnectionSnapshot:
        """Return everything this tracker has, sorted by downstream_id.

        Every row is consistent in itself. The connections are those of one moment.
        """
        snapshot: ConnectionSnapshot = {
            "connections": [row.connection_info(now) for row in self._sorted()],
            "timestamp": int(now),
        }
        if self._listen_address is not None:
            snapshot["listen_address"] = self._listen_address
        return snapshot
