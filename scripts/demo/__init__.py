"""The whole monitoring stack on one machine, fed by a simulated fleet."""
