"""Removes the addresses of downstreams before anyone can see them."""

from dataclasses import replace

from stats_gateway.store.parts import ConnectionsPart, Content, MinersPart, WindowPart


def without_addresses(content: Content) -> Content:
    """`content` without the address of any downstream; the addresses of services stay."""
    match content:
        case MinersPart():
            return replace(content, rows=replace(content.rows, address=[None] * len(content.rows)))
        case ConnectionsPart():
            return replace(content, rows=replace(content.rows, address=[None] * len(content.rows)))
        case WindowPart():
            windows = {id_: replace(one, address=None) for id_, one in content.windows.items()}
            return replace(content, windows=windows)
        case _:
            return content
