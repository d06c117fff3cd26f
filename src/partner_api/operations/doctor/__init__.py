"""What an operator can get wrong, looked at while it can still be put right."""
