"""What the agent measures on its host; whatever cannot be measured is left out."""
