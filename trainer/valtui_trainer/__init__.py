"""The trainer side of valtui: presets, session folders, measures, supervision and training."""
