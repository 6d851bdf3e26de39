"""The parts of uvicorn that the HTTP listener uses and uvicorn does not promise to keep.

When a new version changes one of them, this fails first, and names the part.
"""

import asyncio
import inspect

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

pytestmark = pytest.mark.anyio

OVERRIDDEN = {
    "connection_made": ["self", "transport"],
    "connection_lost": ["self", "exc"],
    "data_received": ["self", "data"],
    "handle_events": ["self"],
    "on_response_complete": ["self"],
    "resume_writing": ["self"],
    "send_400_response": ["self", "msg"],
}
"""The methods of the protocol that are overridden, and what they are called with."""


@pytest.mark.parametrize(("name", "parameters"), OVERRIDDEN.items())
def test_a_method_of_the_protocol_is_called_as_it_was(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(H11Protocol, name)).parameters) == parameters


async def test_the_protocol_has_the_attributes_that_are_used() -> None:
    application = PlainTextResponse()
    config = uvicorn.Config(application, http="h11", ws="none", lifespan="off", log_config=None)
    config.load()
    protocol = H11Protocol(config=config, server_state=ServerState(), app_state={})
    assert protocol.transport is None
    assert protocol.cycle is None
    assert protocol.client is None
    assert protocol.loop is asyncio.get_running_loop()
    assert protocol.conn.trailing_data == (b"", False)
    assert {"disconnected", "response_complete"} <= vars(
        RequestResponseCycle(
            scope={},
            conn=protocol.conn,
            transport=asyncio.Transport(),
            flow=FlowControl(asyncio.Transport()),
            logger=protocol.logger,
            access_logger=protocol.logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            on_response=list,
        )
    ).keys()


def test_the_server_leaves_signals_to_whoever_overrides_this() -> None:
    server = uvicorn.Server(uvicorn.Config("nowhere:app", log_config=None))
    assert "self.capture_signals()" in inspect.getsource(uvicorn.Server.serve)
    assert server.should_exit is False
    assert isinstance(server.server_state, ServerState)
    assert list(inspect.signature(uvicorn.Server.serve).parameters) == ["self", "sockets"]
