"""How hyperparameters are found: closed form, NUTS or variational inference."""
