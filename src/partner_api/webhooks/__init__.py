"""Telling an MSP's own systems what happened, by HTTP requests they can verify."""
