"""Payloads of the OKX v5 API: markets, accounts, position-builder requests and replies, tiers."""
