"""Reads YAML in which every scalar is a text or nothing, and no key comes twice."""

from collections.abc import Hashable

import yaml

from exporters.errors import ConfigError

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class _StrictLoader(yaml.BaseLoader):
    """A loader that knows no types, so that no tag and no number in a file can surprise.

    `X-XSS-Protection: 0` stays the text "0", and a user may be called `on`.
    """

    def construct_scalar(self, node: yaml.ScalarNode) -> str | None:  # type: ignore[override]  # there, no scalar is null
        """The text; None for a plain null."""
        return None if node.style is None and node.value in _NULLS else str(node.value)

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - as in the base class
    ) -> dict[Hashable, object]:
        """The mapping. Raises MarkedYAMLError where a key is no text or comes twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a text", problem_mark=key.start_mark
                )
            if key.value in seen:
                problem = f"the key {key.value} is there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> object:
    """The document in `text`; None where it is empty. Raises `ConfigError`."""
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506 - knows no types but those of JSON
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        raise ConfigError(f"{where}{error.problem}") from error
    except RecursionError as error:
        raise ConfigError("lists or mappings are nested too deeply") from error
    except (yaml.YAMLError, ValueError, ArithmeticError) as error:
        # The last two: escapes of no character, and versions with thousands of digits.
        raise ConfigError(str(error)) from error
