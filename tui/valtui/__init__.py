"""valtui: the screen and the command line. Reads session folders; never loads torch."""
