"""How long an answer that is dear to compute serves all who ask for the same."""

REMEMBERED_SECONDS = 5.0
