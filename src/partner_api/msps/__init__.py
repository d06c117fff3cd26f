"""MSPs and the members who log in to them."""
