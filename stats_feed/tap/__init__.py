"""This feed is a pass-through for Stratum V1: it forwards every byte and reads a copy."""
