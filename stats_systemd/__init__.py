"""This package is what every program here does under systemd; without systemd it does nothing."""
