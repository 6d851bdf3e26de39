"""`stats-feed`: senders as programs."""
