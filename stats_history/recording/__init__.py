"""This room evaluates recording rules over the imported time, as Prometheus would have done."""
