import tomllib
from pathlib import Path

from stats_gateway import __version__

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def test_the_version_is_the_same_in_both_places() -> None:
    assert tomllib.loads(PYPROJECT.read_text())["project"]["version"] == __version__
