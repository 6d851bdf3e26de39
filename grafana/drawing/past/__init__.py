"""A day of the simulated fleet, written into a Prometheus as if it had been watched."""
