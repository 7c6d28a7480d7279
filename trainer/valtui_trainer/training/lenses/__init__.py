"""Lenses: what the validation loss would be if …, measured beside it; they observe and change nothing."""
