"""One archive with everything in the database, and the way back."""
