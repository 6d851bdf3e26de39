"""What every feed does as a program: it writes log lines, and a signal stops it."""
