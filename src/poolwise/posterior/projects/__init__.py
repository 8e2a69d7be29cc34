"""What projects have in common beyond crossed effects, and in what each differs."""
