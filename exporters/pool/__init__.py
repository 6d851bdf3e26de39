"""`stats-pool`: the downstream connections of pools."""
