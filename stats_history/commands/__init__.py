"""This room holds the subcommands of `stats-history`, and what they print."""
