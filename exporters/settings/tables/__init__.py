"""The settings, one module for each table of the configuration file."""
