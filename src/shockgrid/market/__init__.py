"""What is traded and what it costs."""
