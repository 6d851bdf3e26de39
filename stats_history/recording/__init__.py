"""Evaluates recording rules over the imported time, as Prometheus itself would have done."""
