"""Health and connection rules, defined once; standard library only."""
