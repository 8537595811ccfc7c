"""What the commands call: whole jobs, from data to files."""
