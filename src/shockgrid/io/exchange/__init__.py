"""What payloads of all exchanges share: rows with their place, prices with their time, the join into a market."""
