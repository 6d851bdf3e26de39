"""The command line of a service: one flag for each setting, and help in groups."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from exporters.errors import ConfigError, did_you_mean, shown
from exporters.settings.catalogue import TABLES, settings_of
from exporters.settings.setting import Setting
from stats_gateway import __version__
from stats_gateway.wire.services import Service

HELP_COLUMNS = 80
"""Width of --help, on terminals of any width: longer lines are hard to read."""

_DESCRIPTIONS = {
    Service.PROXY: "Takes snapshots of a translation proxy's miners over TCP "
    "and exposes them to Prometheus.",
    Service.POOL: "Takes snapshots of a pool's downstream connections over TCP "
    "and exposes them to Prometheus.",
}
_EPILOG = (
    "Each setting is also a key of the TOML file and a variable in the environment: {flag} is "
    "{key} in the table [{table}], and {variable}. A flag beats the environment, which beats the "
    "file. Files that say who may come in (tokens, certificates, --web.config.file) are read again "
    "when they change, and at once after SIGHUP; all other settings take a restart."
)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The flags that were given."""

    flags: Mapping[str, str]
    """Values of settings, unparsed, by field."""
    config_file: Path | None
    check: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


def parse_command_line(service: Service, argv: Sequence[str]) -> CommandLine:
    """The flags in `argv`. Raises `ConfigError`; --help and --version end the process."""
    parser = _parser(service)
    found, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(parser, unknown, [setting.flag for setting in settings_of(service)])
    values = vars(found)
    config_file, check = values.pop("config_file"), values.pop("check")
    flags = {field: text for field, text in values.items() if text is not None}
    return CommandLine(flags, None if config_file is None else Path(config_file), check)


def _parser(service: Service) -> _Parser:
    settings = settings_of(service)
    first = settings[0]
    parser = _Parser(
        prog=service.value,
        usage="%(prog)s [--config.file FILE] [--config.check] [--TABLE.KEY VALUE ...]",
        allow_abbrev=False,
        formatter_class=partial(argparse.HelpFormatter, width=HELP_COLUMNS),
        description=_DESCRIPTIONS[service],
        epilog=_EPILOG.format(
            flag=first.flag, key=first.key, table=first.table, variable=first.variable(service)
        ),
    )
    parser.add_argument("--version", action="version", version=f"{service.value} {__version__}")
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        help="TOML file with settings; relative paths in it start at the working directory",
    )
    parser.add_argument(
        "--config.check", dest="check", action="store_true", help="check all settings and exit"
    )
    groups = {table: parser.add_argument_group(f"{table}: {TABLES[table]}") for table in TABLES}
    for setting in settings:
        groups[setting.table].add_argument(
            setting.flag,
            dest=setting.field,
            metavar=setting.metavar,
            help=setting.help + _default(setting),
            nargs="?" if setting.is_switch else None,
            const="true" if setting.is_switch else None,
        )
    return parser


def _refuse(parser: _Parser, unknown: Sequence[str], known: Sequence[str]) -> NoReturn:
    """Raises `ConfigError` about the first unknown flag, without the value it was given."""
    name = next((one for one in unknown if one.startswith("-")), None)
    if name is None:
        parser.error(f"{shown(unknown[0])} belongs to no flag")
    name = name.partition("=")[0]
    hint = did_you_mean(name, (*known, "--config.file", "--config.check", "--version", "--help"))
    parser.error(f"unknown flag {shown(name)}{hint}")


def _default(setting: Setting) -> str:
    if setting.default is None or setting.default == () or setting.is_switch:
        return ""
    number = f"{setting.default:g}" if isinstance(setting.default, float) else setting.default
    return f" (default: {number})"
