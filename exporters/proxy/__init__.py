"""`stats-proxy`: the miners of translators."""
