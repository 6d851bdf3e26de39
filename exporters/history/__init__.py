"""Hashrate over time, which Prometheus is asked for."""
