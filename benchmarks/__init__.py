"""How fast overnight is, beside its peers in the same run: `python -m benchmarks`."""
