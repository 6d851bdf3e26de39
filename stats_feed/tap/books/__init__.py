"""This room keeps what the facts add up to: rows of miners, and the tap's own counts."""
