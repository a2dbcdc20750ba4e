"""The one exception that the tools print instead of a traceback."""


class BenchError(Exception):
    """What was tried, what went wrong and what to do, in one or two sentences."""
