"""Statements and transactions on an open SQLite file."""
