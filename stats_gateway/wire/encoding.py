"""The two encodings that a connection may write in."""

from enum import Enum


class Encoding(Enum):
    """How a connection writes, from its first byte to its end."""

    FRAMES = "frames"
    JSON_LINES = "json lines"
