"""`stats-proxy` and `stats-pool`: snapshots in over TCP, `/metrics` out."""
