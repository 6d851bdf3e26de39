"""The web configuration's file: what is read from it, and which errors name which key."""

import re
import ssl
from pathlib import Path

import bcrypt
import pytest

from exporters.access.web_config import RateLimit, WebConfig, parse_web_config, watch_web_config
from exporters.errors import ConfigError
from tests.security.certificates import Authority

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config:\n  cert_file: service.pem\n  key_file: service.key\n"
CLIENTS = "  client_ca_file: authority.pem\n  client_auth_type: RequireAndVerifyClientCert\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates that relative paths lead to."""
    folder = tmp_path_factory.mktemp("web")
    authority = Authority(folder)
    authority.issue("service")
    authority.issue("other")
    authority.issue("locked", password="unknown")
    return folder


def inline(folder: Path) -> str:
    def block(name: str) -> str:
        text = (folder / name).read_text()
        return "|\n" + "".join(f"    {line}\n" for line in text.splitlines())

    return (
        f"tls_server_config:\n  cert: {block('service.pem')}  key: {block('service.key')}"
        f"  client_ca: {block('authority.pem')}  client_auth_type: VerifyClientCertIfGiven\n"
    )


GOOD = {
    "empty": "",
    "only a comment": "# nothing\n",
    "empty sections": "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\nrate_limit:\n",
    "tls": TLS,
    "client certificates": TLS + CLIENTS,
    "allowed names": TLS + CLIENTS + "  client_allowed_sans: [prometheus.example, 192.0.2.1]\n",
    "no client certificates by name": TLS + "  client_auth_type: NoClientCert\n",
    "versions": TLS + "  min_version: TLS13\n  max_version: TLS13\n",
    "ciphers": TLS
    + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
    + "  prefer_server_cipher_suites: false\n",
    # X25519 is there, too, where the machine's OpenSSL lets Python choose it.
    "curve": TLS + "  curve_preferences: [CurveP256]\n",
    "users": f"basic_auth_users:\n  prometheus: {HASH}\n  htpasswd: $2y{HASH[3:]}\n"
    f"  old: $2a{HASH[3:]}\n",
    "users with names that are words of YAML": "basic_auth_users:\n"
    + "".join(f"  {name}: {HASH}\n" for name in ("on", "123", "1.5", "2024-01-01", "true")),
    "a header that is a number": "http_server_config:\n  headers:\n    X-XSS-Protection: 0\n",
    "headers": "http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: sameorigin\n"
    "    Strict-Transport-Security: max-age=31536000\n",
    "no http2": "http_server_config:\n  http2: false\n",
    "rate limit": "rate_limit:\n  interval: 1m30s\n  burst: 20\n",
    "no rate limit": "rate_limit:\n  interval: 0\n  burst: 0\n",
}

BAD = {
    "unknown section": (
        "basic_auth:\n  a: b\n",
        r"unknown field `basic_auth`",
    ),
    "unknown key": (
        TLS + "  certfile: a\n",
        r"^tls_server_config: .*unknown field `certfile`; did you mean `cert_file`",
    ),
    "a key twice": (TLS + "  key_file: other.key\n", r"line 4: the key key_file is there twice"),
    "no yaml": ("tls_server_config: [\n", r"line 2: "),
    "a list": ("- tls_server_config\n", r"Expected `object`, got `array`"),
    "a number": (TLS + "  min_version: [12]\n", r"^tls_server_config\.min_version: Expected `str`"),
    "no key": ("tls_server_config:\n  cert_file: service.pem\n", r"missing one of key or key_file"),
    "no certificate": ("tls_server_config:\n  key_file: service.key\n", r"missing one of cert or"),
    "only versions": (
        "tls_server_config:\n  min_version: TLS13\n",
        r"^tls_server_config: cert_file and key_file",
    ),
    "both forms": (TLS + "  cert: x\n", r"cert and cert_file: give one of them"),
    "no such file": (TLS.replace("service.pem", "missing.pem"), r"missing\.pem.*No such file"),
    "key of another": (TLS.replace("service.key", "other.key"), r"other\.key.*mismatch"),
    "locked key": (TLS.replace("service", "locked"), r"locked\.key"),
    "no PEM": (TLS.replace("service.pem", "service.key"), r"service\.key"),
    "ca alone": (
        TLS + "  client_ca_file: authority.pem\n",
        r"needs a client_auth_type that verifies",
    ),
    "auth alone": (
        TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
        r"needs client_ca_file",
    ),
    "unverified": (
        TLS + "  client_auth_type: RequireAnyClientCert\n",
        r"^tls_server_config: client_auth_type: Req.*nobody verified",
    ),
    "requested": (
        TLS + "  client_auth_type: RequestClientCert\n",
        r"^tls_server_config: client_auth_type: Req.*nobody verified",
    ),
    "unknown auth": (
        TLS + "  client_auth_type: Always\n",
        r"client_auth_type: 'Always' is none of",
    ),
    "names of nobody who must show them": (
        TLS
        + CLIENTS.replace("RequireAnd", "").replace("ClientCert", "ClientCertIfGiven")
        + "  client_allowed_sans: [a]\n",
        r"needs client_auth_type RequireAndVerifyClientCert",
    ),
    "no names": (TLS + CLIENTS + "  client_allowed_sans: []\n", r"names nobody"),
    "nothing instead of names": (
        TLS + CLIENTS + "  client_allowed_sans:\n",
        r"client_allowed_sans: Expected `array`, got `null`",
    ),
    "nothing instead of a file": (
        "tls_server_config:\n  cert_file:\n",
        r"tls_server_config.cert_file: Expected `str`, got `null`",
    ),
    "an empty name of a file": (
        'tls_server_config:\n  cert_file: ""\n',
        r"cert_file and key_file are missing",
    ),
    "a path with NUL": (TLS.replace("service.pem", r'"a\0b"'), r"null|embedded"),
    "text that is no PEM": (
        'tls_server_config:\n  cert: "\\ud800"\n  key: a\n',
        r"\(inline\), \(inline\): ",
    ),
    "an endless burst": (
        f"rate_limit:\n  interval: 1s\n  burst: {'9' * 5000}\n",
        r"^rate_limit.burst: Integer value out of range",
    ),
    "a burst above all": ("rate_limit:\n  burst: 1000001\n", r"^rate_limit.burst: .* <= 1000000"),
    "an endless interval": (f"rate_limit:\n  interval: {'9' * 5000}h\n", r"more than a year"),
    "deep lists": ("a: " + "[\n" * 3000, r"nested too deeply"),
    "a list in itself": ("a: &a [1, *a]\n", r"line 1: found unconstructable recursive node"),
    "a list as a key": ("? [a]\n: b\n", r"line 1: a key must be a text"),
    "nothing as a key": ("? \n: b\n", r"key"),
    "an escape of no character": ('a: "\\UFFFFFFFF"\n', r"too large|not in range"),
    "an endless version": (f"%YAML {'9' * 5000}.0\n---\na: b\n", r"digits"),
    "NUL": ("a: \0\n", r"unacceptable character"),
    "an object of Python": (
        "basic_auth_users: !!python/object/apply:os.system [exit]\n",
        r"basic_auth_users: Expected `object",
    ),
    "merged mappings": (
        "rate_limit: &limit\n  burst: 1\nhttp_server_config:\n  <<: *limit\n",
        r"unknown field `<<`",
    ),
    "old version": (TLS + "  min_version: TLS10\n", r"min_version: TLS10 is no longer secure"),
    "unknown version": (
        TLS + "  min_version: SSL3\n",
        r"min_version: 'SSL3' is none of TLS12, TLS13",
    ),
    "versions upside down": (
        TLS + "  min_version: TLS13\n  max_version: TLS12\n",
        r"min_version is above max_version",
    ),
    "insecure cipher": (
        TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
        r"cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA' is none of",
    ),
    "two curves": (
        TLS + "  curve_preferences: [X25519, CurveP256]\n",
        r"curve_preferences: .*takes one curve",
    ),
    "unknown curve": (
        TLS + "  curve_preferences: [P-256]\n",
        r"curve_preferences: 'P-256' is none of",
    ),
    "boolean": (
        TLS + "  prefer_server_cipher_suites: maybe\n",
        r"^tls_server_config.prefer_server_cipher_suites: Expected `bool`",
    ),
    "plain password": (
        "basic_auth_users:\n  a: secret\n",
        r"^basic_auth_users: the password of 'a' must be a bcrypt",
    ),
    "unpayable cost": (
        f"basic_auth_users:\n  a: $2y$31{HASH[6:]}\n",
        r"^basic_auth_users: the bcrypt cost of 'a'",
    ),
    "cost of nothing": (
        f"basic_auth_users:\n  a: $2y$03{HASH[6:]}\n",
        r"^basic_auth_users: the bcrypt cost of 'a'",
    ),
    "null password": ("basic_auth_users:\n  a:\n", r"the password of 'a' must be a bcrypt"),
    "a list of passwords": ("basic_auth_users:\n  a: [b]\n", r"the password of 'a' must be"),
    "damaged hash": (
        f"basic_auth_users:\n  a: $2y$04${'z' * 53}\n",
        r"the bcrypt hash of 'a': Invalid salt",
    ),
    "colon in a user": (
        f'basic_auth_users:\n  "a:b": {HASH}\n',
        r"the name 'a:b' cannot have a colon",
    ),
    "http2": (
        "http_server_config:\n  http2: sure\n",
        r"^http_server_config.http2: Expected `bool`",
    ),
    "unknown header": (
        "http_server_config:\n  headers:\n    Server: mine\n",
        r"^http_server_config.headers: 'Server' is none of",
    ),
    "value of a header": (
        "http_server_config:\n  headers:\n    X-Frame-Options: never\n",
        r"headers: X-Frame-Options must be deny or sameorigin",
    ),
    "two headers in one": (
        'http_server_config:\n  headers:\n    X-XSS-Protection: "0\\r\\nSet-Cookie: a=b"\n',
        r"headers: X-XSS-Protection must be printable",
    ),
    "interval": ("rate_limit:\n  interval: fast\n", r"^rate_limit: 'fast' is no duration"),
    "burst": (
        "rate_limit:\n  interval: 1s\n  burst: -1\n",
        r"^rate_limit.burst: Expected `int` >= 0",
    ),
    "no burst": ("rate_limit:\n  interval: 1s\n", r"^rate_limit: needs a burst"),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_the_toolkit_accepts_is_accepted(text: str, folder: Path) -> None:
    assert isinstance(parse_web_config(text, folder), WebConfig)


@pytest.mark.parametrize(("text", "error"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_an_error_that_says_where(text: str, error: str, folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_web_config(text, folder)
    assert re.search(error, str(caught.value)), caught.value
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("text", "error"), BAD.values(), ids=BAD)
def test_what_cannot_be_changes_nothing_while_the_service_runs(
    text: str, error: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder / "running.yml"
    file.write_text(GOOD["headers"])
    watched = watch_web_config(file)
    in_force = watched.value
    file.write_text(text)
    watched.look(at_once=True)
    assert watched.value is in_force
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert f"--web.config.file {file}: " in record.getMessage()
    assert re.search(error.removeprefix("^"), record.getMessage())
    assert record.exc_info is None


def test_certificates_may_stand_in_the_file_itself(folder: Path) -> None:
    config = parse_web_config(inline(folder), folder)
    assert config.context is not None
    assert config.context.verify_mode is ssl.CERT_OPTIONAL
    assert config.context.get_ca_certs()


def test_each_setting_is_what_the_file_says(folder: Path) -> None:
    text = (
        GOOD["allowed names"]
        + "  min_version: TLS13\n"
        + GOOD["users"]
        + GOOD["headers"]
        + GOOD["rate limit"]
    )
    config = parse_web_config(text, folder)
    assert config.tls is not None
    assert config.context is not None
    assert config.tls.client_allowed_sans == {"prometheus.example", "192.0.2.1"}
    assert config.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert config.context.verify_mode is ssl.CERT_REQUIRED
    assert set(config.users) == {"prometheus", "htpasswd", "old"}
    assert config.headers["X-Frame-Options"] == "sameorigin"
    assert config.rate_limit == RateLimit(interval=90.0, burst=20)
    assert not config.is_open


def test_secrets_are_not_in_what_is_printed(folder: Path) -> None:
    assert HASH not in repr(parse_web_config(GOOD["users"], folder))


def test_the_defaults_are_tls_1_2_and_open_to_all(folder: Path) -> None:
    config = parse_web_config(TLS, folder)
    assert config.context is not None
    assert config.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert config.is_open
    assert parse_web_config("", folder) == WebConfig()


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        (GOOD["users"], "", "basic_auth_users"),
        (TLS + GOOD["users"], GOOD["users"], "tls_server_config"),
        (TLS + CLIENTS, TLS, "client certificates"),
        (GOOD["users"], GOOD["users"][:-30], "bcrypt hash"),
        (GOOD["users"], "basic_auth_users:\n", "basic_auth_users"),
    ],
)
def test_no_change_opens_the_door_while_it_runs(
    before: str, after: str, error: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder / "web.yml"
    file.write_text(before)
    watched = watch_web_config(file)
    in_force = watched.value
    file.write_text(after)
    for _ in range(3):
        watched.look()
    assert watched.value is in_force
    assert error in caplog.text
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    file.write_text(before + "http_server_config:\n  headers:\n    X-XSS-Protection: '0'\n")
    for _ in range(2):
        watched.look()
    assert watched.value.headers == {"X-XSS-Protection": "0"}


def test_a_file_is_believed_once_it_has_stayed_the_same_for_a_while(folder: Path) -> None:
    file = folder / "growing.yml"
    file.write_text(f"basic_auth_users:\n  a: {HASH}\n")
    watched = watch_web_config(file)
    for name in ("b", "c", "d"):
        with file.open("a") as end:
            end.write(f"  {name}: {HASH}\n")
        watched.look()
        assert set(watched.value.users) == {"a"}
    watched.look()
    assert set(watched.value.users) == {"a", "b", "c", "d"}


def test_a_file_that_depends_on_one_that_comes_later_is_read_when_it_has_come(folder: Path) -> None:
    file = folder / "early.yml"
    file.write_text(TLS)
    watched = watch_web_config(file)
    file.write_text(TLS.replace("service", "late"))
    for _ in range(3):
        watched.look()
    assert watched.value.tls is not None
    assert watched.value.tls.certificate.files == [folder / "service.pem"]
    for end in ("pem", "key"):
        (folder / f"late.{end}").write_bytes((folder / f"service.{end}").read_bytes())
    watched.look()
    assert watched.value.tls.certificate.files == [folder / "late.pem"]
