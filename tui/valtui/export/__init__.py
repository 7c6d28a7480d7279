"""Takes what a session holds out into files that other tools read."""
