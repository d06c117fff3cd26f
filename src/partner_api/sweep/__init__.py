"""Time passes, releases come out, settings change: what moves devices although they are silent."""
