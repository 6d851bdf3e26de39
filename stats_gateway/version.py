"""The version of this project, as `pyproject.toml` has it too; a test holds them together."""

VERSION = "0.1.0"
