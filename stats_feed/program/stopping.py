"""This module has signals stop a program, whatever its main thread is doing when they come."""

import signal
import threading
from queue import SimpleQueue
from types import FrameType

WAKE_SECONDS = 1.0
"""How long the main thread sleeps at most. Python runs handlers in that thread, between two of its
steps, and a signal that comes just before the thread falls asleep does not wake it."""


def stop_on_signals() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    # A handler may interrupt the very code that holds the event's lock, and would wait for that
    # lock for ever. This queue is made for handlers, and a thread of its own sets the event.
    asked: SimpleQueue[int] = SimpleQueue()

    def request(number: int, _frame: FrameType | None) -> None:
        asked.put(number)

    def wait() -> None:
        asked.get()
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    signal.signal(signal.SIGINT, request)
    signal.signal(signal.SIGTERM, request)
    return stop


def wait_until_set(stop: threading.Event) -> None:
    """Wait in the main thread, and let the handlers of signals run meanwhile."""
    while not stop.wait(WAKE_SECONDS):
        pass
