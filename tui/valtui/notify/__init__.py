"""Tells a person who does not look: the terminal's bell, or a command of their own."""
