"""Builds HTML from text that peers choose: text that is not `Markup` is escaped."""

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """`<tag>` around `children`, escaped unless they are `Markup`.

    An attribute that is None is left out. `class_` is `class`, and `data_age` is `data-age`.
    """
    opening = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{opening}>{join(children)}</{tag}>")


def join(children: Iterable[str]) -> Markup:
    """`children` one after the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    )


SHORT_NAME = 20
"""Characters of a name that is not broken at a hyphen: a telephone has room for so many."""


def isolated(name: str) -> Markup:
    """`name` in a `<bdi>`: one that is written from right to left cannot reorder the sentence."""
    return element("bdi", name, class_="whole" if len(name) <= SHORT_NAME else None)
