"""Running the server: supervisor, simulator, demo."""
