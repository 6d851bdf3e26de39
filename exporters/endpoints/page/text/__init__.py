"""Turns values that peers choose, and numbers, into text and HTML for people."""
