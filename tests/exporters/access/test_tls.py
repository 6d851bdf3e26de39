"""Rules of TLS become contexts, and what is wrong with a file is named."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from exporters.access.sender_access import ingest_gate
from exporters.access.tls import Pem, TlsRules, server_context
from exporters.access.web_tls import TlsServerConfig, tls_rules
from exporters.errors import ConfigError
from exporters.settings.config import IngestAccess
from stats_gateway.intake.access import OpenAccess, TokenAccess
from tests.security.certificates import Authority

HERE = Path("/nowhere")
FILES = TlsServerConfig(cert_file="a.pem", key_file="/a.key")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service's certificate `service.pem` and its key, signed by `authority.pem`."""
    folder = tmp_path_factory.mktemp("tls")
    Authority(folder).issue("service")
    (folder / "service.key").chmod(0o600)
    return folder


@pytest.fixture
def rules(folder: Path) -> TlsRules:
    return TlsRules(certificate=Pem(folder / "service.pem"), key=Pem(folder / "service.key"))


def test_an_empty_section_turns_nothing_on() -> None:
    assert tls_rules(TlsServerConfig(), HERE) is None


def test_the_defaults_are_tls_1_2_without_client_certificates() -> None:
    rules = tls_rules(FILES, HERE)
    assert rules == TlsRules(certificate=Pem(HERE / "a.pem"), key=Pem(Path("/a.key")))
    assert rules.files == [HERE / "a.pem", Path("/a.key")]
    assert rules.minimum is ssl.TLSVersion.TLSv1_2
    assert rules.client_certificate is ssl.CERT_NONE


def test_a_text_in_the_file_itself_is_no_file_to_watch() -> None:
    rules = tls_rules(TlsServerConfig(cert="a", key="b"), HERE)
    assert rules is not None
    assert rules.files == []
    assert str(rules.key) == "(inline)"


def test_a_context_follows_the_rules(rules: TlsRules, folder: Path) -> None:
    context = server_context(
        replace(
            rules,
            client_ca=Pem((folder / "authority.pem").read_text()),
            client_certificate=ssl.CERT_REQUIRED,
            minimum=ssl.TLSVersion.TLSv1_3,
            ciphers="ECDHE-ECDSA-AES128-GCM-SHA256",
            prefer_server_ciphers=False,
        )
    )
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"key": Pem(Path("/nowhere/a.key"))}, r"No such file.*/nowhere/a\.key"),
        ({"key": Pem(Path("/nowhere/a\0.key"))}, r"a .key: .*null"),
        ({"certificate": Pem("no certificate")}, r"\(inline\), .*service\.key: "),
        ({"client_ca": Pem("no certificate")}, r"^\(inline\): "),
        ({"client_ca": Pem(Path("/nowhere/ca.pem"))}, r"^/nowhere/ca\.pem: .*No such file"),
        ({"ciphers": "NO-SUCH-CIPHER"}, r"^ciphers or curve: "),
        ({"curve": "P-1"}, r"^ciphers or curve: "),
    ],
)
def test_what_is_wrong_is_named(rules: TlsRules, change: dict[str, Pem], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        server_context(replace(rules, **change))  # type: ignore[arg-type]  # a table of changes


def test_a_key_that_every_user_can_read_is_warned_about(
    rules: TlsRules, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server_context(rules)
    assert caplog.text == ""
    (folder / "service.key").chmod(0o644)
    server_context(rules)
    (folder / "service.key").chmod(0o600)
    assert "service.key holds a private key, and every user" in caplog.text


def test_senders_are_held_to_the_rules_that_the_settings_name(folder: Path) -> None:
    assert isinstance(ingest_gate(IngestAccess()).access, OpenAccess)
    tokens = folder / "tokens"
    tokens.write_text("some-token\n")
    gate = ingest_gate(
        IngestAccess(
            token_file=tokens,
            tls_cert_file=folder / "service.pem",
            tls_key_file=folder / "service.key",
            tls_client_ca_file=folder / "authority.pem",
        )
    )
    assert isinstance(gate.access, TokenAccess)
    assert gate.tls is not None
    assert gate.tls().verify_mode is ssl.CERT_REQUIRED
    assert len(gate.watched) == 2


def test_a_wrong_file_of_senders_tls_names_the_flags(folder: Path) -> None:
    config = IngestAccess(tls_cert_file=folder / "a.pem", tls_key_file=folder / "a.key")
    with pytest.raises(ConfigError, match=r"^--ingest\.tls-\*-file: .*a\.pem.*No such file"):
        ingest_gate(config)
