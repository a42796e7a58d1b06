"""Who is asked next: strategies over what was observed."""
