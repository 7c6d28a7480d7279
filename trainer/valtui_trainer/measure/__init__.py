"""Arrays in, numbers with intervals out: volatility, comparison, jumps. Pure."""
