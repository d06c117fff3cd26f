"""Credentials, and the tokens they are exchanged for."""
