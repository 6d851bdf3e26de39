"""The store knows which source owns which rows, and for how long they are shown; pure."""
