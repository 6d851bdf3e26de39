"""This room writes series as OpenMetrics text and Prometheus blocks, and an import's state."""
