"""Proves or refutes what a pair of appliances promises, from what its clients saw."""
