"""This room converts the rows of an old database to the series of the live services."""
