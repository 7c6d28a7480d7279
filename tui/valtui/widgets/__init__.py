"""Chart and table widgets: they draw what they are given."""
