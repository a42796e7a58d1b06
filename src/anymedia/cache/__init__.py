"""Answers that were given before: kept, found, thrown out, and asked for only once."""
