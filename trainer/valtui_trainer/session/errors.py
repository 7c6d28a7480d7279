"""What went wrong with a session folder, as one sentence for the person at the terminal."""


class SessionError(Exception):
    """A session cannot be made, found, read or locked; its text says why and what to do."""
