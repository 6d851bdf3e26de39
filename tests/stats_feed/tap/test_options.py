import argparse
from ipaddress import ip_network
from pathlib import Path

import pytest

from stats_feed.tap.access.proxy_protocol import Version
from stats_feed.tap.options import add_flags
from stats_feed.tap.passing.upstreams import Upstream
from tests.stats_feed.tap.taps import options

NEEDED = ("--listen=:3333", "--upstream=pool.example:3333")


def test_the_defaults_let_everyone_in_and_send_to_this_machine() -> None:
    read = options(*NEEDED)
    assert read.listen == ((("", 3333), False),)
    assert read.upstreams == (Upstream(("pool.example", 3333)),)
    assert (read.source, read.to, read.common.interval) == ("tap", (), 10.0)
    assert (read.admission.networks, read.admission.max_per_address) == ((), None)
    assert (read.silent, read.drain, read.proxies, read.proxy_out) == (900.0, 0.0, (), None)
    assert (read.redact_names, read.redact_ip) == (False, False)


def test_addresses_networks_and_versions_are_read() -> None:
    read = options(
        *NEEDED, "--listen=tls://[::1]:3334", "--upstream=tls://b:1", "--tls-certificate=c.pem",
        "--tls-key=k.pem", "--allow-networks=10.0.0.0/8", "--allow-networks=2001:db8::/32",
        "--proxy-protocol-from=192.0.2.1", "--proxy-protocol-out=v1", "--silent=0",
        "--max-connections-per-address=3",
    )  # fmt: skip
    assert read.listen[1] == (("::1", 3334), True)
    assert read.upstreams[1] == Upstream(("b", 1), tls=True)
    assert (read.certificate, read.key) == (Path("c.pem"), Path("k.pem"))
    assert read.admission.networks == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert (read.proxies, read.proxy_out) == ((ip_network("192.0.2.1"),), Version.V1)
    assert (read.silent, read.admission.max_per_address) == (None, 3)


def test_an_upstream_is_named_by_host_and_port() -> None:
    assert Upstream(("pool.example", 1)).name == "pool.example:1"
    assert Upstream(("::1", 1)).name == "[::1]:1"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--listen=:1",), "required: --upstream"),
        (("--upstream=a:1",), "required: --listen"),
        ((*NEEDED, "--upstream=pool.example:3333"), "are the same"),
        ((*NEEDED, "--upstream=pool.example"), "not HOST:PORT"),
        ((*NEEDED, "--listen=tls://:1"), "belong together"),
        ((*NEEDED, "--tls-certificate=c.pem"), "belong together"),
        ((*NEEDED, "--to=pool=a:1"), "go to a stats-proxy"),
        ((*NEEDED, "--allow-networks=10.0.0.1/8"), "has host bits set"),
        ((*NEEDED, "--proxy-protocol-out=v3"), "invalid choice"),
        ((*NEEDED, "--max-connections=-1"), "below 0"),
        ((*NEEDED, "--drain=nan"), "below 0"),
    ],
)
def test_flags_that_make_no_sense_are_refused_with_a_reason(
    flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        options(*flags)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_every_flag_has_a_help() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    assert all(action.help for action in parser._actions)  # noqa: SLF001 - there is no other way
