"""Fleet management for managed service providers."""
