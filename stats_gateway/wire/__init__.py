"""Bytes become typed messages here, without any input or output."""
