"""A service, or a feed, in a process of its own, fed and scraped over real sockets."""
