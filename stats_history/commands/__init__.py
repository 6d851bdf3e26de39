"""What each subcommand of `stats-history` does."""
