"""The fleet, the costs and the programs that all measurements share."""
