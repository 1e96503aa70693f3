"""From raw footage to the small, clean, diverse, versioned set worth labelling."""

__version__ = "0.1.0"
