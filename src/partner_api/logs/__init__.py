"""What devices report in words, kept by day."""
