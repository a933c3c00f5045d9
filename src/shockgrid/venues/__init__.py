"""Margin rules, one folder a venue."""
