"""The session folder: layout, records, append, tail, list, locks. No other room opens these files."""
