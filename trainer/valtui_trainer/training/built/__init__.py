"""Training that somebody else's function builds: their model, data and optimizer in our runs beside."""
