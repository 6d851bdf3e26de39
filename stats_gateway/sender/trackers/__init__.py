"""Trackers count what a translator's miners or a pool's connections do, for the next snapshot."""
