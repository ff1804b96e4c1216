"""Image repositories. Images themselves are given on the command line (``--image``)."""

from dagster_spcs.emulator.account.account import ImageRepository
from dagster_spcs.emulator.sql.answers import Column, Result, already_exists, does_not_exist
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.objects import drop_object, like_clause, require_schema
from dagster_spcs.emulator.statements.places import scope_of
from dagster_spcs.emulator.statements.pools import read_options
from dagster_spcs.emulator.statements.registry import Context, handles


@handles("CREATE IMAGE REPOSITORY", "CREATE OR REPLACE IMAGE REPOSITORY")
def create_repository(words: Words, context: Context) -> Result:
    """``CREATE [OR REPLACE] IMAGE REPOSITORY [IF NOT EXISTS] <name> [option …]``."""
    replace = words.began("CREATE", "OR")
    may_exist = words.take("IF", "NOT", "EXISTS")
    name = context.session.resolve(words.object_name(), "CREATE IMAGE REPOSITORY")
    options = read_options(words)
    if name in context.account.repositories and not replace:
        if may_exist:
            return Result.status(f"{name[2]} already exists, statement succeeded.")
        raise already_exists(name[2])
    require_schema(name, context)
    context.account.add_repository(
        ImageRepository(name, context.account.now(), context.session.role, options.get("COMMENT"))
    )
    return Result.status(f"Image Repository {name[2]} successfully created.")


@handles("SHOW IMAGE REPOSITORIES")
def show_repositories(words: Words, context: Context) -> Result:
    """``SHOW IMAGE REPOSITORIES [LIKE …] [IN { ACCOUNT | DATABASE | SCHEMA } [<name>]]``."""
    pattern = like_clause(words)
    scope = scope_of(words, context)
    words.end()
    names = "created_on name database_name schema_name repository_url owner owner_role_type comment"
    shown = tuple(
        Column(name, "timestamp_ltz" if name == "created_on" else "text") for name in names.split()
    )
    registry = context.account.settings.registry
    rows = [
        (
            repository.created,
            name,
            database,
            schema,
            f"{registry}/{database}/{schema}/{name}".lower(),
            repository.owner,
            "ROLE",
            repository.comment,
        )
        for (database, schema, name), repository in sorted(context.account.repositories.items())
        if (pattern is None or pattern.fullmatch(name))
        and (database, schema)[: len(scope)] == scope
    ]
    return Result(shown, rows)


@handles("DROP IMAGE REPOSITORY")
def drop_repository(words: Words, context: Context) -> Result:
    """``DROP IMAGE REPOSITORY [IF EXISTS] <name>``."""
    return drop_object(words, context, "Image Repository", context.account.drop_repository)


@handles("SHOW IMAGES")
def show_images(words: Words, context: Context) -> Result:
    """``SHOW IMAGES [LIKE …] IN IMAGE REPOSITORY <name>``: those the emulator was given."""
    pattern = like_clause(words)
    words.expect("IN", "IMAGE", "REPOSITORY")
    name = context.session.resolve(words.object_name(), "SHOW")
    words.end()
    if name not in context.account.repositories:
        raise does_not_exist("Image Repository", ".".join(name))
    names = "created_on image_name tags digest image_path"
    folder = "/".join(name).lower()
    rows = [
        (None, path.rpartition("/")[2], tag or "latest", image.digest, f"{path}:{tag or 'latest'}")
        for path, tag, image in context.account.images.listed()
        if path.rpartition("/")[0] == folder
        and (pattern is None or pattern.fullmatch(path.rpartition("/")[2]))
    ]
    return Result(tuple(Column(column) for column in names.split()), rows)
