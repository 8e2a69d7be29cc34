"""What serves at one cursor of the store: names, counts, belief, and what was made ready from them."""
