"""What a cycle costs, measured whole and beside the alternatives; `python -m benchmarks`."""
