"""This room passes bytes between sockets, and hands copies of them on to be read."""
