"""Moving the history in the old services' databases into Prometheus."""
