"""HTTP as plain values: what to send, what came, and conversations made of the two.

No sockets here; the engine has those.
"""
