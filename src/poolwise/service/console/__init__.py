"""The console at `/console`: pages made on the server, without a script, for whoever has a key."""
