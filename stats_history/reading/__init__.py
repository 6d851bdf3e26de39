"""The old databases: which ones they are, and the rows in them."""
