"""The user's keys (page "Key-pair authentication and key-pair rotation")."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from dagster_spcs.emulator.sql.answers import Result, SqlError, does_not_exist, not_emulated
from dagster_spcs.emulator.sql.words import Words
from dagster_spcs.emulator.statements.registry import Context, handles

_KEYS = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")


@handles("ALTER USER")
def alter_user(words: Words, context: Context) -> Result:
    """``ALTER USER [IF EXISTS] <name> { SET RSA_PUBLIC_KEY = '…' | UNSET RSA_PUBLIC_KEY }``."""
    words.take("IF", "EXISTS")
    name = words.identifier()
    if name != context.account.settings.user.upper():
        raise does_not_exist("User", name)
    is_set = words.take("SET")
    if not is_set:
        words.expect("UNSET")
    key_name = words.word()
    if key_name not in _KEYS:
        raise not_emulated(f"ALTER USER … {key_name}")
    key = None
    if is_set:
        words.expect("=")
        key = _pem(words.string())
    words.end()
    context.account.set_public_key(key_name, key)
    return Result.status("Statement executed successfully.")


def _pem(text: str) -> str:
    """Return a key in PEM; an account takes it without the lines that enclose it.

    Raises:
        SqlError: 1423 (number chosen) if it is no RSA public key.
    """
    body = "".join(line for line in text.split("\n") if not line.startswith("-----"))
    try:
        key = serialization.load_der_public_key(base64.b64decode(body, validate=True))
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        raise SqlError(1423, "22023", "New public key rejected by current policy.") from None
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
