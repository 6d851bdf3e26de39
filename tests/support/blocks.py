"""Samples in the data of a Prometheus that has not started yet."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.programs import program


def write_samples(lines: Iterable[str], data: Path) -> None:
    """Write `lines`, in OpenMetrics, as blocks into the folder `data`."""
    file = data.parent / "samples.om"
    with file.open("w") as text:
        text.writelines(lines)
    command = ["tsdb", "create-blocks-from", "openmetrics", "-q", str(file), str(data)]
    subprocess.run([program("promtool"), *command], check=True, capture_output=True)
