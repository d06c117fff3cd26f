"""Enrollment: how a device comes to belong to an organization."""
