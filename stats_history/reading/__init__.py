"""This room reads the databases of the old services."""
