"""Who is calling, and which rows exist for them: decided here and nowhere else."""
