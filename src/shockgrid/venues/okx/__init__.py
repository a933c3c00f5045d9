"""OKX portfolio margin, one file a risk."""
