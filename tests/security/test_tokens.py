"""Tokens: who may claim which source."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.rows import miner_snapshot, miners
from tests.e2e.harness.service import Service
from tests.security.peers import connected, hello, refused, wait_refused
from tests.support.until import until

pytestmark = pytest.mark.slow

TOKENS = """
# a comment, and a line without anything

any-token-for-every-source
token-of-a  a
token-of-b-and-c  b  c
"""


class Site:
    """A service that wants tokens."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tokens"
        self.file.write_text(TOKENS)
        self.file.chmod(0o600)
        self.service = Service("proxy", f"--ingest.token-file={self.file}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.service:
        yield made


def test_a_token_opens_the_sources_it_is_for_and_no_others(site: Site) -> None:
    table = {
        ("a", "token-of-a"): "Welcome",
        ("b", "token-of-b-and-c"): "Welcome",
        ("c", "token-of-b-and-c"): "Welcome",
        ("anything", "any-token-for-every-source"): "Welcome",
        ("b", "token-of-a"): "Error",
        ("a", "token-of-b-and-c"): "Error",
        ("a", "token-of-"): "Error",
        ("a", "token-of-aa"): "Error",
        ("a", "#"): "Error",
        ("a", ""): "Error",
        ("a", None): "Error",
    }
    for (source, token), expected in table.items():
        with connected(site.service.ingest) as sender:
            assert list(sender.ask(hello(source, token))) == [expected], (source, token)
    wait_refused(site.service, "bad_token", 6)


def test_a_sender_without_hello_is_closed_and_shown_nowhere(site: Site) -> None:
    with connected(site.service.ingest) as sender:
        sender.say(miner_snapshot(miners("x")))
        sender.wait_for_end()
    wait_refused(site.service, "bad_token", 1)
    assert site.service.scrape().sources() == {}


def test_a_stranger_is_cut_off_long_before_the_largest_message(site: Site) -> None:
    with connected(site.service.ingest) as sender:
        sender.socket.sendall((60 << 20).to_bytes(4, "big"))
        with pytest.raises(ConnectionError):
            sender.socket.sendall(bytes(60 << 20))
    wait_refused(site.service, "bad_token", 1)
    received = site.service.scrape().value("stats_gateway_received_bytes_total")
    assert received is not None
    assert received < 2 << 20


def test_a_takeover_needs_the_right_token_like_everything_else(site: Site) -> None:
    with connected(site.service.ingest) as owner:
        assert "Welcome" in owner.ask(hello("a", "token-of-a"))
        owner.say(miner_snapshot(miners("mine")))
        site.service.scrape_until(lambda scrape: scrape.names("a") == ["mine"])
        for token in ("token-of-b-and-c", "wrong", None):
            with connected(site.service.ingest) as thief:
                assert "Error" in thief.ask(hello("a", token))
        owner.say(miner_snapshot(miners("mine", "too")))
        site.service.scrape_until(lambda scrape: scrape.names("a") == ["mine", "too"])
        with connected(site.service.ingest) as heir:
            assert "Welcome" in heir.ask(hello("a", "token-of-a"))
            owner.wait_for_end()


def test_a_token_that_is_taken_away_no_longer_counts_not_even_for_who_is_connected(
    site: Site,
) -> None:
    with connected(site.service.ingest) as sender, connected(site.service.ingest) as other:
        assert "Welcome" in sender.ask(hello("a", "token-of-a"))
        assert "Welcome" in other.ask(hello("b", "token-of-b-and-c"))
        sender.say(miner_snapshot(miners("x")))
        site.service.scrape_until(lambda scrape: scrape.names("a") == ["x"])
        replacement = site.file.with_name("new")
        replacement.write_text("token-of-b-and-c b\nnew-token a\n")
        replacement.chmod(0o600)
        replacement.rename(site.file)
        site.service.wait_for_line("tokens of senders: read again")
        sender.say(miner_snapshot(miners("y")))
        sender.wait_for_end()
        other.say(miner_snapshot(miners("z")))
        site.service.scrape_until(lambda scrape: scrape.names("b") == ["z"])
        assert site.service.scrape().names("a") == ["x"]
    with connected(site.service.ingest) as sender:
        assert "Welcome" in sender.ask(hello("a", "new-token"))


def test_a_broken_new_file_leaves_the_old_rules_in_force_and_says_so(site: Site) -> None:
    site.file.write_text("# nobody\n")
    site.service.wait_for_line("holds no token; what was in force stays in force")
    with connected(site.service.ingest) as sender:
        assert "Welcome" in sender.ask(hello("a", "token-of-a"))
    with connected(site.service.ingest) as sender:
        assert "Error" in sender.ask(hello("a", "wrong"))
    site.file.unlink()
    site.service.wait_for_line("No such file or directory.*what was in force stays in force")
    with connected(site.service.ingest) as sender:
        assert "Welcome" in sender.ask(hello("a", "token-of-a"))


def test_a_file_that_all_users_can_read_is_warned_about(site: Site) -> None:
    os.utime(site.file)
    site.service.wait_for_line("tokens of senders: read again")
    assert "every user of this machine" not in site.service.log()
    site.file.chmod(0o644)
    site.service.wait_for_line("holds tokens, and every user of this machine can read it")


def test_guessing_fills_neither_the_log_nor_the_metrics(site: Site) -> None:
    for number in range(300):
        with connected(site.service.ingest) as sender:
            sender.ask(hello("a", f"guess-{number}"))
    until(lambda: refused(site.service, "bad_token") == 300)
    lines = [line for line in site.service.lines if "bad_token" in line]
    assert len(lines) == 1
    assert "127.0.0.1:" in lines[0]
    assert "guess" not in site.service.log()
