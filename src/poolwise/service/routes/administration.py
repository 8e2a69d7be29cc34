"""Keys, the audit log, deletion and export: for administrators."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from poolwise.meta import packs
from poolwise.service.access import Access, entered, of_project
from poolwise.service.bodies import KeyAnswer, KeyRequest, NewKey
from poolwise.service.problems import Refused, responses
from poolwise.service.routes.beliefs import plain
from poolwise.store.accounts import EVERY, Key

router = APIRouter(prefix="/v1/workspaces/{workspace}", tags=["administration"], responses=responses(409, 410))


@router.get("/keys")
async def keys(request: Request, workspace: str) -> list[KeyAnswer]:
    """Those of this workspace; none of their secrets."""
    _admin(request, workspace)
    found = await run_in_threadpool(_access(request).accounts.every)
    return [_answer(one) for one in found if one.workspace == workspace]


@router.post("/keys", status_code=201)
async def create_key(request: Request, workspace: str, asked: KeyRequest) -> NewKey:
    """Make a key. Its text is in this answer and nowhere else."""
    made, text = await run_in_threadpool(added, _access(request), _admin(request, workspace), workspace, asked)
    return NewKey(**_answer(made).model_dump(), key=text)


@router.delete("/keys/{id}", status_code=204)
async def revoke_key(request: Request, workspace: str, id: str) -> None:
    """End a key: it opens nothing from now on."""
    await run_in_threadpool(revoked, _access(request), _admin(request, workspace), workspace, id)


@router.get("/audit")
async def audit(
    request: Request,
    workspace: str,
    before: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[dict[str, Any]]:
    """What was done with keys, orders, refits, exports and deletions, newest first; go on with `before`."""
    _admin(request, workspace)
    found = await run_in_threadpool(lambda: _access(request).accounts.audit(workspace, before=before, limit=limit))
    return [one._asdict() for one in found]


@router.delete("/projects/{project}")
async def forget(request: Request, workspace: str, project: str) -> dict[str, Any]:
    """Delete a project for good: its events, views, orders and names."""
    key, engine = _admin(request, workspace), request.app.state.workspaces[workspace].engine
    # Noted first, and without its name: the log outlives what is forgotten.
    await run_in_threadpool(_access(request).accounts.append, key.id, workspace, "project deletion", {})
    return plain(await run_in_threadpool(engine.forget, project))


@router.get("/exports/prior")
async def export_prior(
    request: Request, workspace: str, name: Annotated[str, Query(max_length=1_000)] = "service"
) -> dict[str, Any]:
    """What all projects share, as a prior pack for other stores: no event, and no project's name."""
    key, engine = _admin(request, workspace), request.app.state.workspaces[workspace].engine
    await run_in_threadpool(_access(request).accounts.append, key.id, workspace, "export", {"pack": name})
    return plain(packs.to_dict(await run_in_threadpool(engine.priors.exported, name)))


def added(access: Access, by: Key, workspace: str, asked: KeyRequest) -> tuple[Key, str]:
    """A new key and its text, made with another one. Raises Refused where that does not reach so far."""
    scope = asked.workspace or workspace
    if scope != workspace and (by.workspace != EVERY or scope != EVERY):
        raise Refused(403, "a key is made in its own workspace, or for every one by a key of every one")
    expires = None if asked.expires_in is None else time.time() + asked.expires_in
    made = access.accounts.add(asked.name, asked.role, scope, project=asked.project, expires=expires, by=by.id)
    access.forget()
    return made


def known(access: Access, by: Key, workspace: str, id: str) -> Key:
    """A key that another one may end. Raises Refused."""
    found = {one.id: one for one in access.accounts.every()}.get(id)
    if found is None or (found.workspace != workspace and by.workspace != EVERY):
        raise Refused(404, "there is no such key in this workspace")
    return found


def revoked(access: Access, by: Key, workspace: str, id: str) -> None:
    """End a key. Raises Refused."""
    access.accounts.revoke(known(access, by, workspace, id).id, by=by.id)
    access.forget()


def _admin(request: Request, workspace: str) -> Key:
    key = entered(request, workspace, "admin")
    of_project(key, None)
    return key


def _access(request: Request) -> Access:
    found: Access = request.app.state.access
    return found


def _answer(key: Key) -> KeyAnswer:
    return KeyAnswer(**{name: value for name, value in key._asdict().items() if name != "hash"})
