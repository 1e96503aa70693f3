"""What comes back from people, decisions on picks and labels: read from files, kept in the lake."""
