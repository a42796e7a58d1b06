"""What this installation achieves: measured offline, with nothing but what the package ships.

Load generator and far end are processes of their own, so that a figure is of what it says alone.
`anymedia bench` runs all of it; `benchmarks/` compares with others by the same parts.
"""
