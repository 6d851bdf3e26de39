"""Reading YAML strictly: every key known, every value of its type, every error with its line."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import yaml

from exporters.errors import ConfigError

T = TypeVar("T")


class Node:
    """One value of a YAML document, and where it stands."""

    def __init__(self, node: yaml.Node) -> None:
        self._node = node

    @property
    def line(self) -> int:
        """From 1."""
        return self._node.start_mark.line + 1

    def error(self, detail: str) -> ConfigError:
        """`detail` with the line."""
        return ConfigError(f"line {self.line}: {detail}")

    def text(self) -> str:
        """A string. Raises `ConfigError`, as all of these."""
        if not isinstance(self._node, yaml.ScalarNode) or self._is("null"):
            raise self.error("must be a string")
        return str(self._node.value)

    def boolean(self) -> bool:
        """`true` or `false`."""
        words = {"true": True, "false": False}
        if not self._is("bool") or self.text().lower() not in words:
            raise self.error("must be true or false")
        return words[self.text().lower()]

    def whole_number(self) -> int:
        """A number from 0."""
        if not self._is("int") or not self.text().isdecimal():
            raise self.error("must be a whole number from 0")
        return int(self.text())

    def items(self) -> "list[Node]":
        """A list; null is an empty one."""
        if self._is("null"):
            return []
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error("must be a list")
        return [Node(one) for one in self._node.value]

    def mapping(self) -> "dict[str, Node]":
        """A mapping, without any key twice; null is an empty one."""
        if self._is("null"):
            return {}
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error("must be a mapping")
        result: dict[str, Node] = {}
        for key_node, value in self._node.value:
            key = Node(key_node)
            if key.text() in result:
                raise key.error(f"{key.text()} is there twice")
            result[key.text()] = Node(value)
        return result

    def fields(self, known: Mapping[str, "Callable[[Node], object]"]) -> dict[str, object]:
        """A mapping with only `known` keys, each value read as it says there."""
        values: dict[str, object] = {}
        for key, value in self.mapping().items():
            if key not in known:
                raise value.error(f"{key} is none of {', '.join(known)}")
            values[key] = value.read(known[key])
        return values

    def read(self, reader: "Callable[[Node], T]") -> T:
        """This, read by `reader`."""
        return reader(self)

    def _is(self, type_: str) -> bool:
        return self._node.tag == f"tag:yaml.org,2002:{type_}"


def parse_yaml(text: str) -> Node | None:
    """The document in `text`; None where it is empty. Raises `ConfigError`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        raise ConfigError(f"{where}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(str(error)) from error
    return None if node is None else Node(node)
