"""The documents that the service ships and serves: the runbook, and the description of the API."""
