"""The file of a SQLite store: where it lies, how it is made, opened, upgraded and copied."""
