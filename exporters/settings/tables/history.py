"""The settings of the Prometheus that is asked for history and for firing alerts."""

from exporters.settings.addresses import parse_url
from exporters.settings.setting import Setting, existing_file, label

HISTORY = (
    Setting(
        *("history.prometheus_url", "URL", parse_url),
        help="address of the Prometheus that scrapes this service, or of another server with the "
        "same API; turns history and alerts on, on the page and in the API",
    ),
    Setting(
        *("history.authorization_file", "FILE", existing_file),
        help="file with the Authorization header for that Prometheus, such as 'Bearer TOKEN'; "
        "read again for each question",
    ),
    Setting(
        *("history.labels", "NAME=VALUE,...", label),
        help="labels that tell this service's series from others', where that Prometheus scrapes "
        "several sites",
        default=(),
        is_list=True,
    ),
)
