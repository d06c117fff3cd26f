"""The canonical surface: the Partner API document, integrators' and agents' routes."""
