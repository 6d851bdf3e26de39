"""Errors that end a program or an answer, each with one line of text for the operator."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

MAX_ERROR_CHARACTERS = 1000
"""Longest text of an error: a path has at most a few hundred characters, the cause a few dozen."""

MAX_SHOWN_CHARACTERS = 100
"""Most of a wrong value that an error repeats: enough to recognise the value."""


class ConfigError(Exception):
    """A setting or a configuration file is wrong.

    The text names the file and the key, says what is wrong, and what would be right.
    """

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class StartError(Exception):
    """The configuration is right, and the service still cannot start."""


class PrometheusError(Exception):
    """Prometheus could not be asked for history, or refused: the text tells the client why."""


class PrometheusBusy(PrometheusError):
    """The question was not asked: as many questions as allowed are under way."""


@contextmanager
def errors_in(place: str) -> Iterator[None]:
    """Make a `ConfigError` that begins with `place` out of whatever is wrong there."""
    try:
        yield
    except (ConfigError, OSError, ValueError) as error:
        raise ConfigError(f"{place}: {error}") from error


def one_line(text: str) -> str:
    """`text` on one line of printable characters, whatever a file or a peer put into the text."""
    words = "".join(one if one.isprintable() else " " for one in text).split()
    return " ".join(words)[:MAX_ERROR_CHARACTERS]


def shown(value: object) -> str:
    """`value` as an error repeats it: quoted and short, and never where it may hold a secret.

    A URL with `@` may hold a password, and a URL with `?` may hold a token.
    """
    text = str(value)
    if "@" in text or "?" in text:
        return "the given value (which is not repeated here, since it may hold a secret)"
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown `word`: the known word nearest to it, if any is near."""
    near = get_close_matches(word[:MAX_SHOWN_CHARACTERS], list(known), n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def missing_extra(program: str, error: ModuleNotFoundError) -> str:
    """What to do where a library of the `services` extra is not installed.

    Raises `error` where a module of this project is missing: that is a broken installation.
    """
    library = (error.name or "").partition(".")[0]
    if library in ("", "exporters", "stats_gateway", "stats_systemd"):
        raise error
    return f"{program}: the library {library} is missing: run pip install 'stratum-stats[services]'"
