"""The scales and how they are found: `gaussian` states those of the effects, `estimation` finds all of them."""
