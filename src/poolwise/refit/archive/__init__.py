"""Refits from a partitioned log: partitions are folded once, and what they came to is kept and added."""
