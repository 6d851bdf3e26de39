"""This room says who may connect to the tap, who they are, and how they are encrypted."""
