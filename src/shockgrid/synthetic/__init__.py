"""Invented markets and populations, for examples, tests and benchmarks; no number here is observed."""
