"""What SQL stores have in common: tables, statements, and everything that is done with them."""
