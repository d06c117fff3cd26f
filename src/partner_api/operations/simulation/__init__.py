"""A simulated fleet: a stranger to the server that speaks nothing but its public HTTP API."""
