"""What can be wrong: before a service runs, one line for the operator and an exit code."""


class ConfigError(Exception):
    """A setting cannot be: the text names it, says what is wrong and what would be right."""


class StartError(Exception):
    """The configuration is fine and the service still cannot start."""


class PrometheusError(Exception):
    """Prometheus cannot be asked for history, or said no: the text tells whoever asked us why."""


class PrometheusBusy(PrometheusError):
    """Not asked at all: as many questions as may be are under way."""
