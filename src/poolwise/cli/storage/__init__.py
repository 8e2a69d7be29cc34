"""Commands that care for a store: copies, retention, removal."""
