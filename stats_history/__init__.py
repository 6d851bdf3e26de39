"""This package moves the history in the old services' databases into Prometheus."""
