"""What can go wrong, as the operator is told it: one line, with what to do about it."""


class HistoryError(Exception):
    """The command cannot do its work; the text says why and what to do."""

    exit_code = 1


class RefusedError(HistoryError):
    """The command could go on but must not: something would be lost."""

    exit_code = 3
