"""Models that turn frames into vectors."""
