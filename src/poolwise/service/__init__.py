"""Poolwise over HTTP: one belief for a team, with keys, metrics and a console.

bodies.py       what is sent and answered
writer.py       one thread per workspace, which takes whatever waits as one group
workspaces.py   an engine and its writer, by name
access.py       keys, roles, scopes and rates
problems.py     errors as `application/problem+json`
guard.py        bodies that are too large or too slow
routes/         decisions, beliefs, operation, administration
fronts/         front ends: processes before the one that writes
app.py          all of it as one ASGI application
serve.py        from configuration files to a running server
"""
