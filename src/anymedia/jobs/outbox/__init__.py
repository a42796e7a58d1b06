"""Webhooks out: what callers' servers are told of their jobs.

A message is a row, written in the transaction of the change that it tells of (`events`). It is
sent until it is taken or given up (`delivery`), in the order of its job, signed with a secret of
the job's owner (`signing`), and never to an address inside (`receivers`). `messages` shows what
became of each, and sends one again.
"""
