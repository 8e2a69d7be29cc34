"""What can be asked of the service, a router for each part."""
