"""From a view of the store to the bytes of `/metrics`; this room knows no HTTP."""
