"""Presets and studies: read, inherit, validate, and say what differs between two."""
