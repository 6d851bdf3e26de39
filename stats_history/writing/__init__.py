"""Series as OpenMetrics text and as Prometheus blocks, and the state of an import."""
