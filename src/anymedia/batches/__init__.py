"""Many requests as one: taken in line by line, carried on by any process, told in order.

A line that asks for media becomes a job; the job's idempotency key is the line's, so that a
process that dies in between asks for nothing twice. A line that is answered at once runs through
the engine like any other request; what it brought is written down before it counts as done. Where
there is time, text goes through the batch APIs of providers (`bulk`).
"""
