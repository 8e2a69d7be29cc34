"""serve, keys: the service and who may use it."""

import json
import os
import sys
from typing import Annotated

import typer

from poolwise.cli.common import CONFIG, JsonOption, print_json, say

Configs = Annotated[
    list[str], typer.Option("--config", "-c", metavar="FILE", help="A workspace each, named as the file.")
]
Keys = Annotated[str | None, typer.Option("--keys", metavar="URL", help="Database of keys; default: beside the file.")]


def serve(
    config: Configs = [CONFIG],  # noqa: B006
    keys: Keys = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    certificate: Annotated[str | None, typer.Option(metavar="PEM", help="Chain of certificates, for TLS.")] = None,
    private_key: Annotated[str | None, typer.Option(metavar="PEM", help="Of the certificate.")] = None,
    front_of: Annotated[str | None, typer.Option(metavar="URL", help="Be a front end of the service there.")] = None,
    staleness: Annotated[
        float, typer.Option(min=0, max=1, help="Seconds for which a front end decides from the same belief.")
    ] = 0.05,
    as_json: JsonOption = False,
) -> None:
    """Decide and learn for many clients over HTTP, with keys, metrics and a description at /docs.

    Example: `poolwise serve --config prover.toml --port 8000`
    """
    from poolwise.service.keys import default_keys, first_key
    from poolwise.service.serve import Listening, checked, front, serve_front
    from poolwise.service.serve import serve as run

    at = Listening(host, port, certificate, private_key)
    if front_of is not None:
        app = front(front_of, os.environ.get("POOLWISE_KEY"), staleness, at)
        _said(f"{'https' if certificate else 'http'}://{host}:{port}", None, as_json)
        serve_front(app, at)
        return
    configs, place = checked(config, at), keys or default_keys(config)
    text, url = first_key(place), f"{'https' if certificate else 'http'}://{host}:{port}"
    _said(url, text, as_json)
    run(configs, place, at)


def _said(url: str, key: str | None, as_json: bool) -> None:
    """Where it listens, and the key that was made."""
    if as_json:
        typer.echo(json.dumps({"url": url, "key": key}))  # a line, for whoever waits for it
    else:
        if key is not None:
            say("No key was there yet. This one may do everything; it is shown this once:")
            say(f"  {key}")
        say(f"{url}  description at /docs, stop with Ctrl-C")
    sys.stdout.flush()


def keys(
    add: Annotated[str | None, typer.Option("--add", metavar="NAME", help="Make a key, for what.")] = None,
    role: Annotated[
        str, typer.Option(help="observe, decide, operator or admin: each may do what those before may.")
    ] = "decide",
    workspace: Annotated[str, typer.Option(help="The only one it opens; * for every one.")] = "*",
    project: Annotated[str | None, typer.Option(help="The only project, of one workspace.")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="How long it is in force.")] = None,
    revoke: Annotated[str | None, typer.Option("--revoke", metavar="ID", help="End a key.")] = None,
    config: Configs = [CONFIG],  # noqa: B006
    keys: Keys = None,
    as_json: JsonOption = False,
) -> None:
    """List, make or end the keys of a service. A key's text is shown when it is made, and never again.

    Example: `poolwise keys --add "build farm" --role decide --workspace prover`
    """
    import time
    from contextlib import closing

    from poolwise.service.keys import default_keys, listed
    from poolwise.store.accounts import Accounts

    place = keys or default_keys(config)
    if add is None and revoke is None:
        rows = listed(place)
        if as_json:
            print_json(rows)
        for row in [] if as_json else rows:
            state, of = "revoked" if row["revoked"] else "in force", row["project"] or ""
            say(f"{row['id']}  {row['role']:<9} {row['workspace']:<16} {of:<12} {state}  {row['name']}")
        return
    with closing(Accounts(place)) as accounts:
        if revoke is not None:
            accounts.revoke(revoke)
            say(f"{revoke}  revoked")
        if add is not None:
            until = None if days is None else time.time() + 86_400 * days
            key, text = accounts.add(add, role, workspace, project=project, expires=until)  # type: ignore[arg-type]
            if as_json:
                print_json({"id": key.id, "key": text})
            else:
                say(f"{key.id}  {role}, shown this once:")
                say(f"  {text}")
