"""Looking at media, making them alike, and showing them small.

What comes from a provider is a stranger's file. It is decoded in a process of its own with limits
on time and memory (`room`), which the rest of anymedia only sends for (`studio`). Everything else
here runs in that process, or is arithmetic. Needs the extra `anymedia[media]`.
"""
