"""The files that say who may come in; they are read again while the service runs."""
