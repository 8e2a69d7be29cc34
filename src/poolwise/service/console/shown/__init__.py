"""What pages show: pure functions from what is known to text, pictures and the variables of templates."""
