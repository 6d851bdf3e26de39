"""As much of PromQL as the boards' rules ask about: its selectors and the labels it groups by.

Not a parser: Prometheus itself judges whether an expression is valid.
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<range>\[[^\]]*\])
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<number>[0-9][0-9a-zA-Z.]*)
  | (?P<variable>\$\{?\w+\}?)
  | (?P<operator>=~|!~|!=|==|>=|<=|[^\s\w])
    """,
    re.VERBOSE,
)
GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
KEYWORDS = frozenset({"and", "or", "unless", "bool", "offset", "start", "end", "inf", "nan"})


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, the value without its quotes."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """One place where an expression reads series."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    window: str | None = None
    """The text between square brackets, None for an instant selector."""
    function: str = ""
    """The function whose argument it is, empty for none."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What was found, in the order it is written."""

    selectors: tuple[Selector, ...]
    labels: frozenset[str]
    """Every label that is grouped by or joined on."""

    @property
    def metrics(self) -> frozenset[str]:
        """The names of the series read."""
        return frozenset(selector.metric for selector in self.selectors)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression and what it is."""

    kind: str
    text: str


def read(expression: str) -> Expression:
    """The selectors and labels of `expression`, which is assumed to be valid."""
    return _Reader(tokens(expression)).read()


def tokens(expression: str) -> list[Token]:
    """The words of `expression`, a range with its brackets being one of them."""
    return [Token(str(match.lastgroup), match.group()) for match in TOKEN.finditer(expression)]


class _Reader:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._at = 0
        self._calls: list[str] = []
        self._selectors: list[Selector] = []
        self._labels: set[str] = set()

    def read(self) -> Expression:
        while self._at < len(self._words):
            word = self._next()
            if word.text == "(":
                self._calls.append("")
            elif word.text == ")":
                self._calls.pop()
            elif word.kind == "name":
                self._read_name(word.text)
        return Expression(tuple(self._selectors), frozenset(self._labels))

    def _read_name(self, name: str) -> None:
        if name in GROUPING:
            if self._peek() == "(":
                self._labels.update(word.text for word in self._until(")") if word.kind == "name")
        elif self._peek() == "(":
            self._next()
            self._calls.append(name)
        elif name.lower() not in KEYWORDS and self._peek() not in GROUPING:
            self._read_selector(name)

    def _read_selector(self, metric: str) -> None:
        matchers = _matchers(self._until("}")) if self._peek() == "{" else ()
        window = self._next().text[1:-1] if self._peek().startswith("[") else None
        function = self._calls[-1] if self._calls else ""
        self._selectors.append(Selector(metric, matchers, window, function))

    def _peek(self) -> str:
        return self._words[self._at].text if self._at < len(self._words) else ""

    def _next(self) -> Token:
        word = self._words[self._at]
        self._at += 1
        return word

    def _until(self, closing: str) -> list[Token]:
        start = self._at
        while self._next().text != closing:
            pass
        return self._words[start + 1 : self._at - 1]


def _matchers(words: list[Token]) -> tuple[Matcher, ...]:
    triples = [word for word in words if word.text != ","]
    return tuple(
        Matcher(label.text, operator.text, value.text[1:-1])
        for label, operator, value in zip(triples[::3], triples[1::3], triples[2::3], strict=True)
    )
