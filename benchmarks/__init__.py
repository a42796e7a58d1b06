"""What is measured, of one part after the other."""
