"""This module says which numbers a tracker takes, whatever a caller hands in."""

U32 = 2**32 - 1
U64 = 2**64 - 1

MAX_DIFFICULTY = 2.0**224
"""The difficulty of the target 1, the hardest that there is. A sum of such numbers stays finite."""

MAX_TIME = 2.0**62
"""Unix seconds that still fit into the wire's 64 bits."""


def is_number(value: object, most: float = MAX_DIFFICULTY) -> bool:
    """Tell whether `value` is a number from 0 to `most`; never raises."""
    # Comparing is exact for integers of any size, where converting them to a float would raise.
    return isinstance(value, int | float) and 0 <= value <= most


def is_time(value: object) -> bool:
    """Tell whether `value` is a time in unix seconds."""
    return is_number(value, MAX_TIME)


def is_count(value: object, most: int = U64) -> bool:
    """Tell whether `value` is a whole number from 0 to `most`."""
    return isinstance(value, int) and 0 <= value <= most
