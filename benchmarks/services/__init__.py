"""A whole service in a process of its own, fed and scraped over real sockets."""
