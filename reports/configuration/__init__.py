"""``pathworth.toml``: its sections and keys, reading it, with every problem at its place, and an example."""
