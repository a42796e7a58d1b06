"""What several processes share: one Redis, asked with a deadline, done without when it is gone."""
