"""What is learned across projects and stores: prior packs, and ways of exploring."""
