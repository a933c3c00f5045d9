"""What a venue's own calculator would answer: our margin, written in the venue's words."""
