"""Front ends: processes without a store, which gather what clients ask and exchange it with the writer.

lent.py       a lease as a front end holds it, and what is drawn from it
exchange.py   what waits for one workspace, sent together
callers.py    whose key it is: the writer is asked, and believed for two seconds
app.py        the ASGI application: decide and observe here, everything else handed on
"""
