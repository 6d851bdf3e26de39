"""The commands and code that the documentation shows, by the names that stand before them."""

import re

from tests.support.programs import ROOT


def examples(document: str, name: str) -> list[str]:
    """The code blocks that follow a comment `<!-- test: NAME -->`, in their order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"<!-- test: {re.escape(name)} -->\s*```\w+\n(.*?)```", text, re.DOTALL)
