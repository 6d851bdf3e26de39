"""What other software takes for the same work, measured beside ours in the same run."""
