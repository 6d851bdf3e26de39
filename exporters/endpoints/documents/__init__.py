"""The documents that the service ships and serves: manuals, and the description of the API."""
