"""Long work: from accepted to archived in one record, whatever happens to the process.

Our rows are the truth; a dispatcher only says which row to look at next. A job is a caller's
wish, its attempts are what is sent and paid for. `steps` is the state machine, `guard` the part
of it that must never pay twice.
"""
