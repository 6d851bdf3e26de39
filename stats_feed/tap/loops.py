"""This module runs an asyncio program, on uvloop where that is installed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes an event loop: uvloop's passes bytes on in about half the time."""
    try:
        import uvloop  # noqa: PLC0415 - it need not be installed
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main)
