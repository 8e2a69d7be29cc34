"""What is known before any outcome, and how far it is believed."""
