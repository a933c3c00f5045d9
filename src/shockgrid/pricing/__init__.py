"""Value and Greeks of one contract."""
