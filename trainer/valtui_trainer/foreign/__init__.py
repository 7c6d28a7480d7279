"""Other tools' logs as our records: read as they grow, and followed into a session folder."""
