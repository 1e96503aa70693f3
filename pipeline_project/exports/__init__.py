"""Exports: picked frames as other tools take them, with ids that stay the same."""
