"""The settings of what is forgotten about miners and connections."""

from exporters.settings.setting import Setting, yes_or_no

PRIVACY = (
    Setting(
        *("privacy.redact_ip", "BOOL", yes_or_no),
        help="drop the addresses of miners and connections as soon as a message arrives",
        default=False,
        is_switch=True,
    ),
)
