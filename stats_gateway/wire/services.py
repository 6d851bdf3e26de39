"""The two services that senders send to."""

from enum import Enum


class Service(Enum):
    """The two services: what their sources send, and so what they expose."""

    PROXY = "stats-proxy"
    POOL = "stats-pool"
