"""The HTTP listener, and the bounds on what one client may cost."""
