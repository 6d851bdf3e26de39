"""This feed reads the status files that ckpool and its forks write."""
