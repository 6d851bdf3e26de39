"""Rows of messages become checked columns here; pure."""
