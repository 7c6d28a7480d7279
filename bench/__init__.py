"""Rivals and ratios: each module measures one thing and returns a table row; RESULTS.md holds them."""
