"""What both dialects of the gateway need: bodies, streams, refusals, fields of a stranger's."""
