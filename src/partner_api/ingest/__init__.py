"""What devices send: parsed, gathered into groups, written on one path."""
