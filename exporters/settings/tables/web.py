"""The settings of the HTTP listener, its access rules and its bounds."""

from exporters.settings.addresses import Address, parse_address
from exporters.settings.limits import WebLimits
from exporters.settings.setting import Setting, existing_file, seconds, whole_number, yes_or_no
from stats_gateway.wire.services import Service

_PORT = {Service.PROXY: 8084, Service.POOL: 9084}
_BOUNDS = WebLimits()


def web_settings(service: Service) -> tuple[Setting, ...]:
    """The table `[web]` of `service`."""
    return (
        Setting(
            *("web.listen_address", "HOST:PORT", parse_address),
            help="address on which /metrics, the API and the pages are served",
            default=Address("127.0.0.1", _PORT[service]),
        ),
        Setting(
            *("web.config_file", "FILE", existing_file),
            help="file with TLS, passwords and headers for HTTP, in exporter-toolkit's format",
            flag_key="config.file",
        ),
        Setting(
            *("web.old_shapes", "BOOL", yes_or_no),
            help="answer on the paths of the old services as they did, for readers that cannot "
            "change yet",
            default=False,
            is_switch=True,
        ),
        Setting(
            *("web.max_requests", "N", whole_number(1, 65536)),
            help="most requests answered at once; further requests get status 503",
            default=_BOUNDS.max_requests,
        ),
        Setting(
            *("web.max_connections", "N", whole_number(1, 65536)),
            help="most HTTP connections open at once",
            default=_BOUNDS.max_connections,
        ),
        Setting(
            *("web.request_seconds", "SECONDS", seconds),
            help="longest time in which the header of a request, or a TLS handshake, must arrive",
            default=_BOUNDS.request_seconds,
        ),
        Setting(
            *("web.response_seconds", "SECONDS", seconds),
            help="longest time that an answer may take until its last byte is sent",
            default=_BOUNDS.response_seconds,
        ),
    )
