"""The gateway beside others: on one core, against the same far end, round by round."""
