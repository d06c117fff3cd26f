"""The agent at work: observes on the server's interval, delivers when it can."""

# What a server can be set to ask for, and no more: a wrong answer must not flood or silence us.
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 1, 3600
"""


"""
