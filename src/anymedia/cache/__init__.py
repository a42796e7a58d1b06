"""Answers that were given before: kept, found, thrown out, and asked for only once.

Exact: an answer is found again only by a request that is the same in everything that matters to
the answer. Whose request it is matters too, unless the operator has said that callers share.

What is kept in Redis or Memcached are the answers themselves, readable by whoever can read there.
Their keys tell nothing: they are hashes.
"""
