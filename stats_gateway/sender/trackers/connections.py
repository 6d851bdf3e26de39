"""This tracker holds what a pool knows about the translators, mints and others connected to it."""

from stats_gateway.sender.snapshots import ConnectionInfo, ConnectionSnapshot, ConnectionType
from stats_gateway.sender.trackers.downstreams import Downstream, Downstreams, shown
from stats_gateway.sender.trackers.numbers import U32, U64, is_count


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
        now: float | None,
        agent: str | None,
    ) -> None:
        super().__init__(downstream_id, address, now, agent)
        self.connection_type = connection_type
        self.name = None if name is None else shown(name)
        self.channels: set[int] = set()
        # A mint that has made no quote yet has made 0; of the others it is not known.
        self.quotes_created = 0 if connection_type is ConnectionType.MINT else None
        self.ehash_mined = self.quotes_created
        self.work_selection = connection_type is ConnectionType.JOB_DECLARATOR


class DownstreamTracker(Downstreams[Connection]):
    """The connections of one pool; every method may be called from any thread.

    With `redact_ip` the connections' addresses are neither kept nor sent.
    """

    def __init__(
        self,
        *,
        listen_address: str | None = None,
        redact_ip: bool = False,
        counts_shares: bool = True,
    ) -> None:
        super().__init__(redact_ip=redact_ip, counts_shares=counts_shares)
        self._listen_address = listen_address

    def connect(
        self,
        downstream_id: int,
        connection_type: ConnectionType,
        now: float | None,
        *,
        name: str | None = None,
        address: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Add a connection, or begin a new session of one whose id is known.

        None as `now` says that nobody knows since when it has been connected. Raises ValueError
        for an id that is not an unsigned 32-bit number.
        """
        row = Connection(downstream_id, connection_type, name, self._address(address), now, agent)
        self._add(row)

    def work_selection(self, downstream_id: int, *, enabled: bool) -> None:
        """Say whether a downstream chooses its own work; a job declarator does by default."""

        def change(connection: Connection) -> None:
            connection.work_selection = enabled

        self._update(downstream_id, change)

    def channel_opened(self, downstream_id: int, channel_id: int) -> None:
        """Add a channel."""
        if self._valid(is_count(channel_id, U32)):
            self._update(downstream_id, lambda connection: connection.channels.add(channel_id))

    def channel_closed(self, downstream_id: int, channel_id: int) -> None:
        """Remove a channel; one that is not open is none to remove."""
        if self._valid(is_count(channel_id, U32)):
            self._update(downstream_id, lambda connection: connection.channels.discard(channel_id))

    def quote_created(self, downstream_id: int, amount: int) -> None:
        """Add one quote of `amount` ehash to a connection's totals."""

        def change(connection: Connection) -> None:
            connection.quotes_created = (connection.quotes_created or 0) + 1
            connection.ehash_mined = min((connection.ehash_mined or 0) + amount, U64)

        if self._valid(is_count(amount)):
            self._update(downstream_id, change)

    def snapshot(self, now: float) -> ConnectionSnapshot:
        """Return everything this tracker has, sorted by downstream_id.

        Every row is consistent in itself. The connections are those of one moment.
        """
        snapshot: ConnectionSnapshot = {
            "connections": [self._connection_info(row, now) for row in self._sorted()],
            "timestamp": int(now),
        }
        if (totals := self._totals_after_rows()) is not None:
            snapshot["totals"] = totals
        if self._listen_address is not None:
            snapshot["listen_address"] = self._listen_address
        return snapshot

    def _connection_info(self, row: Connection, now: float) -> ConnectionInfo:
        with row.lock:
            return {
                "name": row.name,
                "connection_type": row.connection_type.value,
                "channels": sorted(row.channels),
                "quotes_created": row.quotes_created,
                "ehash_mined": row.ehash_mined,
                "work_selection": row.work_selection,
                **self._info(row, now),
            }
