"""Market paths: one file per model, a joint driver, and what paths do to a market."""
