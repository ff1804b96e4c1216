"""Links into Snowflake's web interface."""

from urllib.parse import quote

from dagster_spcs.spcs.names import JobName


def snowsight_url(account: str | None, name: JobName) -> str | None:
    """Return the job's address in Snowsight for an account of the form ``organization-account``.

    The form of the address below the account was not verified.
    """
    organization, dash, locator = (account or "").partition("-")
    if not dash or not organization or not locator or "." in locator:
        return None
    place = f"databases/{quote(name.database, safe='')}/schemas/{quote(name.schema, safe='')}"
    return f"https://app.snowflake.com/{organization}/{locator}/#/data/{place}/service/{name.name}"
