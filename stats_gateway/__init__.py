"""This package carries snapshots from a translator or pool to the exporters, and keeps the newest.

Nothing is re-exported here: a sender that imports `stats_gateway.sender` needs msgpack only.
"""

__version__ = "0.1.0"
"""The version of this project, as `pyproject.toml` has it too; a test compares the two."""
