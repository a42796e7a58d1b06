"""What outlives a process: the database, the journal of money, and the artifacts."""
