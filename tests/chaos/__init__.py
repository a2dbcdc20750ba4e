"""Clients at both ends of a pair, faults from a seed, and the history that the checker judges: tools/chaos --help."""
