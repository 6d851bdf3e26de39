"""Configuration files are read whole, bounded and as UTF-8, or one line says why not."""

import os
from pathlib import Path

import pytest

from exporters.errors import ConfigError
from exporters.settings.files import MAX_FILE_BYTES, parse_toml, read_text


def test_a_file_is_read_as_utf_8_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    for mark in (b"", b"\xef\xbb\xbf"):
        file.write_bytes(mark + '[aliases]\n"192.0.2.1" = "矿场"\n'.encode())
        assert parse_toml(read_text(file)) == {"aliases": {"192.0.2.1": "矿场"}}


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"\xff")
    large.touch()
    os.truncate(large, MAX_FILE_BYTES + 1)
    for path, why in (
        (tmp_path / "missing", "No such file"),
        (tmp_path, "Is a directory"),
        (binary / "inside", "Not a directory"),
        (binary, "can't decode byte"),
        (large, "is larger than"),
        (Path("a\0b"), "null"),
    ):
        with pytest.raises(ConfigError, match=why):
            read_text(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[limits\n", "line 1"),
        ("[limits]\nmax_rows = 1\nmax_rows = 2\n", "line 3"),
        (f"[limits]\nmax_rows = {'9' * 5000}\n", "^line 2: max_rows = a number with too many"),
        ("a = " + "[" * 3000, "nested too deeply"),
        ("a = " + "{a=" * 3000, "nested too deeply"),
        ("a = 2024-02-31", "(?i)date"),
        ("a = 'x\0'", "line 1"),
        ("a = '\x1b[31m'", "line 1"),
    ],
)
def test_text_that_is_no_toml_says_where_or_what(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as wrong:
        parse_toml(text)
    assert str(wrong.value).isprintable()
