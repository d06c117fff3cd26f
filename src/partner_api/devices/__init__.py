"""Devices and releases: their rows, their health, their end."""
