"""Image repositories."""

from dagster_spcs.emulator.wire.rest.calls import Call, Row, moment, route, spelled, text

_REPOSITORIES = "databases/{database}/schemas/{schema}/image-repositories"


@route("POST", _REPOSITORIES)
async def create(call: Call) -> Row:
    """Create an image repository."""
    return await call.status(call.create("IMAGE REPOSITORY") + call.options(comment="COMMENT"))


@route("GET", _REPOSITORIES)
async def list_repositories(call: Call) -> list[Row]:
    """List the image repositories of a schema."""
    rows = await call.run(f"SHOW IMAGE REPOSITORIES IN SCHEMA {call.schema()}")
    return [_repository(row) for row in call.selected(rows)]


@route("GET", f"{_REPOSITORIES}/{{name}}")
async def fetch(call: Call) -> Row:
    """Show an image repository."""
    rows = await call.run(f"SHOW IMAGE REPOSITORIES IN SCHEMA {call.schema()}")
    return _repository(call.one(rows, "Image repository"))


@route("GET", f"{_REPOSITORIES}/{{name}}/images")
async def images(call: Call) -> list[Row]:
    """List the images of a repository."""
    rows = await call.run(f"SHOW IMAGES IN IMAGE REPOSITORY {call.name()}")
    return [
        {**row, "tags": text(row["tags"]), "created_on": str(row["created_on"])} for row in rows
    ]


@route("DELETE", f"{_REPOSITORIES}/{{name}}")
async def drop(call: Call) -> Row:
    """Drop an image repository."""
    return await call.drop("IMAGE REPOSITORY")


def _repository(row: Row) -> Row:
    names = ("name", "database_name", "schema_name", "owner")
    return {
        **row,
        **{key: spelled(row[key]) for key in names},
        "created_on": moment(row["created_on"]),
    }
