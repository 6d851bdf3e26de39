"""How snapshots travel from a translator or pool to the exporters, and how they are kept.

Nothing is re-exported here: a sender that imports `stats_gateway.sender` needs msgpack only.
"""
