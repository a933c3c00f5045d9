"""Arithmetic without finance."""
