"""`stats-feed` runs senders as programs of their own."""
