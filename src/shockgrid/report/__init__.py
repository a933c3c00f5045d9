"""What people see: results as frames and files."""
