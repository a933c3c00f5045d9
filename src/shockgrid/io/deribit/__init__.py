"""Payloads of the Deribit v2 API: markets."""
