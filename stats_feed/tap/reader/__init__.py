"""This room reads both directions of a Stratum V1 connection and knows no socket."""
