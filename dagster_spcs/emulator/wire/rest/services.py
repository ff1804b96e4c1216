"""Services, which here are job services."""

from typing import Any

from dagster_spcs.emulator.sql.answers import not_emulated
from dagster_spcs.emulator.sql.quoting import literal, quoted
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.wire.rest.calls import Call, Row, moment, route, spelled

_SERVICES = "databases/{database}/schemas/{schema}/services"
_NAMES = ("name", "database_name", "schema_name", "owner", "compute_pool", "query_warehouse")
_TIMES = ("created_on", "updated_on", "resumed_on", "suspended_on")


@route("POST", f"{_SERVICES}:execute-job")
async def execute_job(call: Call) -> Row:
    """Run a job; unless it is asynchronous, the answer comes when it has ended."""
    body = call.body
    clauses = [
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {_identifier(body.get('compute_pool'))}",
        f"NAME = {call.new_name()}",
        f"ASYNC = {'TRUE' if body.get('is_async_job') else 'FALSE'}",
    ]
    if body.get("query_warehouse"):
        clauses.append(f"QUERY_WAREHOUSE = {_identifier(body['query_warehouse'])}")
    if body.get("comment"):
        clauses.append(f"COMMENT = {literal(str(body['comment']))}")
    if body.get("external_access_integrations"):
        integrations = map(_identifier, body["external_access_integrations"])
        clauses.append(f"EXTERNAL_ACCESS_INTEGRATIONS = ({', '.join(integrations)})")
    clauses.append(_specification(call, body.get("spec") or {}))
    return await call.status(" ".join(clauses))


def _specification(call: Call, spec: Row) -> str:
    if spec.get("spec_type") == "from_file":
        stage = Words(str(spec.get("stage"))).object_name()
        place = (call.stored("database"), call.stored("schema"))[: 3 - len(stage)]
        file = literal(str(spec.get("spec_file")))
        return f"FROM @{quoted(*place, *stage)} SPECIFICATION_FILE = {file}"
    return f"FROM SPECIFICATION {literal(str(spec.get('spec_text') or ''))}"


def _identifier(name: Any) -> str:
    return quoted(Words(str(name or "")).identifier())


@route("POST", _SERVICES)
async def create(_: Call) -> None:
    """Refuse a service that is not a job."""
    raise not_emulated("CREATE SERVICE")


@route("GET", _SERVICES)
async def list_services(call: Call) -> list[Row]:
    """List the services of a schema."""
    await call.run(f"SHOW SERVICES IN SCHEMA {call.schema()} LIMIT 1")  # refuses a missing one
    place = call.stored("database"), call.stored("schema")
    jobs = [job for job in call.account.jobs.values() if job.name[:2] == place]
    rows = sorted(map(call.account.properties_of, jobs), key=lambda row: str(row["name"]))
    return [_service(row) for row in call.selected(rows)]


@route("GET", f"{_SERVICES}/{{name}}")
async def fetch(call: Call) -> Row:
    """Describe a service."""
    (row,) = await call.run(f"DESCRIBE SERVICE {call.name()}")
    return _service(row)


def _service(row: Row) -> Row:
    integrations = row["external_access_integrations"]
    return {
        **row,
        **{key: spelled(row[key]) for key in _NAMES},
        **{key: moment(row[key]) for key in _TIMES},
        "spec": {"spec_type": "from_inline", "spec_text": row["spec"]},
        "external_access_integrations": integrations.split(",") if integrations else None,
    }


@route("GET", f"{_SERVICES}/{{name}}/containers")
async def containers(call: Call) -> list[Row]:
    """List the containers of a service."""
    return await _children(call, "CONTAINERS")


@route("GET", f"{_SERVICES}/{{name}}/instances")
async def instances(call: Call) -> list[Row]:
    """List the instances of a service."""
    return await _children(call, "INSTANCES")


async def _children(call: Call, kind: str) -> list[Row]:
    rows = await call.run(f"SHOW SERVICE {kind} IN SERVICE {call.name()}")
    names = ("database_name", "schema_name", "service_name")
    return [{**row, **{key: spelled(row[key]) for key in names}} for row in rows]


@route("GET", f"{_SERVICES}/{{name}}/endpoints")
async def endpoints(call: Call) -> list[Row]:
    """List the endpoints of a service: a job here has none."""
    return await call.run(f"SHOW ENDPOINTS IN SERVICE {call.name()}")


@route("GET", f"{_SERVICES}/{{name}}/roles")
async def roles(call: Call) -> list[Row]:
    """List the roles of a service: a job here has none."""
    return await call.run(f"SHOW ROLES IN SERVICE {call.name()}")


@route("GET", f"{_SERVICES}/{{name}}/logs")
async def logs(call: Call) -> Row:
    """Return the last lines of a container."""
    query = call.query
    arguments = [
        literal(call.name()),
        literal(query.get("instanceId", "0")),
        literal(query.get("containerName", "")),
        *([str(int(query["numLines"]))] if "numLines" in query else []),
    ]
    (row,) = await call.run(f"SELECT SYSTEM$GET_SERVICE_LOGS({', '.join(arguments)})")
    return {"system$get_service_logs": next(iter(row.values()))}


@route("GET", f"{_SERVICES}/{{name}}/status")
async def status(call: Call) -> Row:
    """Return the status of each container, as one text."""
    seconds = int(float(call.query.get("timeout", "0")))
    (row,) = await call.run(f"SELECT SYSTEM$GET_SERVICE_STATUS({literal(call.name())}, {seconds})")
    return {"system$get_service_status": next(iter(row.values()))}


@route("POST", f"{_SERVICES}/{{name}}:suspend")
async def suspend(call: Call) -> Row:
    """Suspend a service: refused, jobs cannot be."""
    return await call.status(f"ALTER SERVICE {call.name()} SUSPEND")


@route("POST", f"{_SERVICES}/{{name}}:resume")
async def resume(call: Call) -> Row:
    """Resume a service: refused, jobs cannot be."""
    return await call.status(f"ALTER SERVICE {call.name()} RESUME")


@route("DELETE", f"{_SERVICES}/{{name}}")
async def drop(call: Call) -> Row:
    """Drop a service."""
    return await call.drop("SERVICE")
