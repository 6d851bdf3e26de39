"""The feeds, each in a process of its own, reading a program that answers as the real one does."""
