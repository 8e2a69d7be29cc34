"""The scales and how they are found: `hyper` states them, `scales` estimates all of them."""
