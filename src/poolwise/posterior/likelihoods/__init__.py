"""What an outcome says: success, bounds, bounded influence, the baseline, drift, and utility from the parts."""
