"""The page's part about projects, and tables about them."""
