"""uvicorn's HTTP/1.1 with deadlines, which it has none of: for a request to come, and an answer."""

import asyncio
import logging
from ipaddress import ip_address
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporters.exposition.refusals import HttpReason, Refusals
from exporters.settings.limits import WebLimits

PIECE_BYTES = 4096
"""Data is parsed in pieces of this size: h11 bounds a header only while it is incomplete."""

QUIET_LOGGER = "uvicorn.error.protocol"
"""What uvicorn logs of single requests; any client can have it say that again and again."""


class HttpProtocol(H11Protocol):
    """One client's connection."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        limits: WebLimits,
        refusals: Refusals,
        allowed_names: frozenset[str],
    ) -> None:
        """`allowed_names`: where not empty, the client's certificate must have one of them."""
        super().__init__(config=config, server_state=state, app_state={})
        self.logger = logging.getLogger(QUIET_LOGGER)
        self._limits = limits
        self._refusals = refusals
        self._allowed_names = allowed_names
        self._request_timer: asyncio.TimerHandle | None = None
        self._response_timer: asyncio.TimerHandle | None = None
        self.is_refused = False
        """Whether it is being closed for what it did."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        # uvicorn declares it as never None, and sets it so at first.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def refuse(self, reason: HttpReason, detail: str) -> None:
        """End the connection at once."""
        if not self.is_refused:
            self.is_refused = True
            self._refusals.add(reason, self.client or ("unknown", 0), detail)
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The handshake, if any, is done."""
        super().connection_made(transport)
        self._expect_request()
        if self._allowed_names and not self._allowed_names & _names(transport):
            detail = "its certificate has none of the names in client_allowed_sans"
            self.refuse(HttpReason.TLS_HANDSHAKE, detail)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self.is_refused:
            return
        try:
            for start in range(0, len(data), PIECE_BYTES):
                super().data_received(data[start : start + PIECE_BYTES])
                if self.transport.is_closing():
                    return
        except Exception as error:  # noqa: BLE001 - whatever one client brings about, the others go on
            self.refuse(HttpReason.INTERNAL_ERROR, repr(error))
            return
        if self.is_idle:
            self._expect_request()

    def handle_events(self) -> None:
        """Start what has come in whole."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._cancel_timers()
            self._response_timer = self.loop.call_later(
                self._limits.response_seconds, self._check_answered
            )

    def on_response_complete(self) -> None:
        """All of an answer was handed to the transport."""
        if not self.transport.get_write_buffer_size():
            self._cancel_timers()
        super().on_response_complete()
        if self.is_idle and self.conn.trailing_data[0]:
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._cancel_timers()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP; where an answer is under way already, just end it."""
        self._refusals.add(HttpReason.BAD_REQUEST, self.client or ("unknown", 0), "not HTTP/1.1")
        if self.is_idle:
            super().send_400_response(msg)
        else:
            self.cycle.disconnected = True
            self.transport.abort()

    def _cancel_timers(self) -> None:
        for timer in (self._request_timer, self._response_timer):
            if timer is not None:
                timer.cancel()
        self._request_timer = self._response_timer = None

    def _expect_request(self) -> None:
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(
                self._limits.request_seconds, self._give_up_request
            )

    def _give_up_request(self) -> None:
        seconds = self._limits.request_seconds
        self.refuse(HttpReason.SLOW_REQUEST, f"sent no whole request in {seconds:g} s")

    def _check_answered(self) -> None:
        self._response_timer = None
        if not self.is_idle or self.transport.get_write_buffer_size():
            seconds = self._limits.response_seconds
            self.refuse(HttpReason.SLOW_READER, f"did not take its answer in {seconds:g} s")


def _names(transport: asyncio.Transport) -> set[str]:
    """The subject alternative names of the client's certificate."""
    certificate: dict[str, Any] = transport.get_extra_info("peercert") or {}  # as ssl types it
    names = set()
    for kind, name in certificate.get("subjectAltName", ()):
        names.add(str(ip_address(name)) if kind == "IP Address" else name)
    return names
