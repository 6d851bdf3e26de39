"""The asyncio shell around the intake: sockets, deadlines, TLS and the log of what peers did."""
