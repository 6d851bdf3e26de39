"""This module bounds what all dialogues of one process may keep together."""


class Room:
    """So much of something may be kept by all who share this room."""

    __slots__ = ("_limit", "taken")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0

    def take(self, amount: int) -> bool:
        """Take `amount` if there is so much room; tell whether there was."""
        if self.taken + amount > self._limit:
            return False
        self.taken += amount
        return True

    def give_back(self, amount: int) -> None:
        """Free `amount` that was taken."""
        self.taken -= amount
