"""One cycle, from the bytes of a snapshot to a body that is ready to be scraped, on one thread."""
