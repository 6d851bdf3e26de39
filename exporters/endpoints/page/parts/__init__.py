"""The parts of the status page that the server writes as HTML tables and figures."""
