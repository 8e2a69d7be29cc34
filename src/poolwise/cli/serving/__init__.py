"""Commands around decisions: run, decide, observe, control, status."""
