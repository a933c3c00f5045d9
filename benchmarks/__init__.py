"""What is measured, against whom, with committed results."""
