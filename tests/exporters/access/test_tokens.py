"""The file of tokens: what each line opens."""

from pathlib import Path

import pytest

from exporters.access.tokens import parse_tokens, read_tokens
from exporters.errors import ConfigError
from stats_gateway.intake.access import token_rule


def test_each_line_is_a_token_and_the_sources_that_it_opens() -> None:
    text = "# comment\n\n  all-sources\r\ntoken-a a\n\ttoken-bc  b\tc \n#token-d d\n"
    assert parse_tokens(text) == (
        token_rule("all-sources", []),
        token_rule("token-a", ["a"]),
        token_rule("token-bc", ["b", "c"]),
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n  # comments\n"])
def test_a_file_without_any_token_is_an_error_since_it_lets_nobody_in(text: str) -> None:
    with pytest.raises(ConfigError, match="holds no token"):
        parse_tokens(text)


def test_what_is_wrong_names_the_flag_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    for content, why in ((b"\xff\n", "can't decode"), (b"\n", "no token")):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"^--ingest\.token-file {file}: .*{why}"):
            read_tokens(file)


def test_a_file_that_every_user_can_read_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tokens"
    file.write_text("token\n")
    for mode, warnings in ((0o600, 0), (0o640, 0), (0o644, 1)):
        file.chmod(mode)
        read_tokens(file)
        assert caplog.text.count("holds tokens, and every user of this machine") == warnings
