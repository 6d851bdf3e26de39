"""These errors are told to the operator: one line that says what to do about the problem."""


class HistoryError(Exception):
    """The command cannot do its work; the text says why and what to do."""

    exit_code = 1


class RefusedError(HistoryError):
    """The command could go on, but must not, because something would be lost."""

    exit_code = 3
