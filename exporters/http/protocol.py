"""Adds to uvicorn's HTTP/1.1 the deadlines it lacks: for a request, for progress and for an answer.

This leans on parts of uvicorn that it does not promise to keep. They are listed, and held, by
`tests/exporters/http/test_uvicorn_parts.py`.
"""

import asyncio
import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporters.exposition.refusals import HttpReason, Refusals
from exporters.settings.limits import WebLimits
from stats_gateway.server.admission import Standing

PIECE_BYTES = 4096
"""Received data is parsed in pieces of this size: h11 bounds a header only while the header is
incomplete."""

STALL_SECONDS = 5.0
"""A client that takes nothing of its answer between two looks this far apart is closed, so that an
answer nobody reads holds its place and its memory for at most twice this time."""

QUIET_LOGGER = "uvicorn.error.protocol"
"""The logger for uvicorn's lines about single requests, which any client can bring about."""


class HttpProtocol(H11Protocol):
    """One client's connection."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        limits: WebLimits,
        refusals: Refusals,
        allowed_names: frozenset[str],
        peer: tuple[str, int],
        on_standing: Callable[[Standing | None], None],
    ) -> None:
        """Where `allowed_names` is not empty, the client's certificate must have one of them.

        `on_standing` is told what the connection has come to, and None when it has ended.
        """
        super().__init__(config=config, server_state=state, app_state={})
        self.logger = logging.getLogger(QUIET_LOGGER)
        self._limits = limits
        self._refusals = refusals
        self._allowed_names = allowed_names
        self._peer = peer
        self._on_standing = on_standing
        self._request_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._answer_due = 0.0
        self._left_to_send = 0
        """Bytes that waited for the client at the last look; 0 when the client has taken some."""
        self._is_refused = False

    @property
    def is_open(self) -> bool:
        """Whether the connection was made: uvicorn has no transport before that."""
        transport: asyncio.Transport | None = self.transport
        return transport is not None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        # uvicorn declares `cycle` as never None, and sets it to None at first.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def refuse(self, reason: HttpReason, detail: str) -> None:
        """End the connection at once."""
        if not self._is_refused:
            self._is_refused = True
            self._refusals.add(reason, self._peer, detail)
            self.abort()

    def abort(self) -> None:
        """Close the connection without a word, where it was made."""
        if self.is_open:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a request; the TLS handshake, if any, is done."""
        super().connection_made(transport)
        self.client = self._peer
        self._on_standing(Standing.UNPROVEN)
        self._expect_request()
        if self._allowed_names and not self._allowed_names & _names(transport):
            detail = "its certificate has none of the names in client_allowed_sans"
            self.refuse(HttpReason.TLS_HANDSHAKE, detail)

    def data_received(self, data: bytes) -> None:
        """Take in more of a request."""
        if self._is_refused:
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
        """Start to answer a request that has come in whole."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._cancel_timers()
            self._answer_due = self.loop.time() + self._limits.response_seconds
            self._look_again()
            self._on_standing(Standing.BUSY)

    def on_response_complete(self) -> None:
        """Go on to the next request; the last of the answer was handed to the transport."""
        if not self.transport.get_write_buffer_size():
            self._cancel_timers()
        super().on_response_complete()
        if self.is_idle:
            self._on_standing(Standing.RESTING)
            if self.conn.trailing_data[0]:
                self._expect_request()

    def resume_writing(self) -> None:
        """Let the answer go on: the client has taken most of what waited."""
        self._left_to_send = 0
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, which has ended."""
        self._cancel_timers()
        self._on_standing(None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no valid request; where an answer is under way already, just end it."""
        detail = "sent a request that is not valid HTTP/1.1, or too long a header"
        self._refusals.add(HttpReason.BAD_REQUEST, self._peer, detail)
        if self.is_idle:
            super().send_400_response(msg)
        else:
            self.cycle.disconnected = True
            self.transport.abort()

    def _cancel_timers(self) -> None:
        for timer in (self._request_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()
        self._request_timer = self._answer_timer = None
        self._left_to_send = 0

    def _expect_request(self) -> None:
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(
                self._limits.request_seconds, self._give_up_request
            )

    def _give_up_request(self) -> None:
        seconds = self._limits.request_seconds
        self.refuse(HttpReason.SLOW_REQUEST, f"sent no whole request in {seconds:g} s")

    def _look_again(self) -> None:
        when = min(self.loop.time() + STALL_SECONDS, self._answer_due)
        self._answer_timer = self.loop.call_at(when, self._check_answer)

    def _check_answer(self) -> None:
        """Close a client that is late, or has taken nothing of what waits since the last look."""
        waiting = self.transport.get_write_buffer_size()
        if self.is_idle and not waiting:
            return
        if self.loop.time() >= self._answer_due:
            seconds = self._limits.response_seconds
            self.refuse(HttpReason.SLOW_READER, f"did not take its answer in {seconds:g} s")
        elif waiting and waiting == self._left_to_send:
            detail = f"took nothing of its answer for {STALL_SECONDS:g} s"
            self.refuse(HttpReason.SLOW_READER, detail)
        else:
            self._left_to_send = waiting
            self._look_again()


def _names(transport: asyncio.Transport) -> set[str]:
    """Give the subject alternative names of the client's certificate."""
    certificate: dict[str, Any] = transport.get_extra_info("peercert") or {}  # as ssl types it
    names = set()
    for kind, name in certificate.get("subjectAltName", ()):
        names.add(str(ip_address(name)) if kind == "IP Address" else name)
    return names
