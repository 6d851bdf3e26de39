"""Answers that are asked of Prometheus: history and firing alerts."""
