"""What an MSP chooses for its fleet, and an organization differently from it."""
