"""Samples in the data of a Prometheus that has not started yet."""

import subprocess
from pathlib import Path

from tests.support.programs import program


def write_samples(text: str, data: Path) -> None:
    """Write `text`, in OpenMetrics, as blocks into the folder `data`."""
    file = data.parent / "samples.om"
    file.write_text(text)
    command = ["tsdb", "create-blocks-from", "openmetrics", "-q", str(file), str(data)]
    subprocess.run([program("promtool"), *command], check=True, capture_output=True)
