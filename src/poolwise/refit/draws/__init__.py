"""From draws of parameters, however they were made, to what the gate judges and ArviZ reads."""
