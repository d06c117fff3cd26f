"""Ways of speaking HTTP about the domain, one package each."""
