"""The probe: trains replicas of a base and of its arms from one checkpoint, and compares their volatility."""
