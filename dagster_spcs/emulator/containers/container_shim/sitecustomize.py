"""Makes Snowflake's documented connection code reach the emulator from inside a container.

That code knows three things: the token's file ``/snowflake/session/token``, the host, and that
the account speaks HTTPS on port 443. A local process has neither that path nor that port, so
Python starts with this module, which leads the path to the container's own token file and gives
the connector's port and protocol other defaults. Stage volumes are folders elsewhere as well, and
are led there. Nothing else is touched.
"""

import builtins
import importlib.abc
import importlib.util
import io
import json
import os
import sys

_TOKEN = "/snowflake/session/token"  # noqa: S105  a path, not a token
_FILE = os.environ.get("SPCS_EMULATOR_SESSION_TOKEN")
_PORT = os.environ.get("SPCS_EMULATOR_PORT")
_MOUNTS = json.loads(os.environ.get("SPCS_EMULATOR_MOUNTS", "{}"))
_CONNECTION = "snowflake.connector.connection"


def _redirect_files():
    folders = {**_MOUNTS, **({_TOKEN: _FILE} if _FILE else {})}

    def located(path):
        if not isinstance(path, (str, os.PathLike)):
            return path
        text = os.fspath(path)
        for place, folder in folders.items():
            if isinstance(text, str) and (text == place or text.startswith(place + "/")):
                return folder + text[len(place) :]
        return path

    real_open, real_exists, real_isfile = io.open, os.path.exists, os.path.isfile

    def open_(file, *args, **kwargs):
        return real_open(located(file), *args, **kwargs)

    builtins.open = io.open = open_
    os.path.exists = lambda path: real_exists(located(path))
    os.path.isfile = lambda path: real_isfile(located(path))


def _default_to_our_port(config):
    from_kwargs = config.from_kwargs

    def with_our_port(**given):
        if "host" in given:  # else the connection comes from a file, which has the port
            given = {"protocol": "http", "port": int(_PORT), **given}
        return from_kwargs(**given)

    config.from_kwargs = with_our_port


class _ConnectorDefaults(importlib.abc.MetaPathFinder):
    """Sets the defaults once the connector's own module has run."""

    def find_spec(self, name, path=None, target=None):
        if name != _CONNECTION:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            # At its first login the connector asks which cloud it is in; here that is a wait for
            # names and addresses that do not answer.
            os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] = "true"
            run(module)
            if module.DEFAULT_CONFIGURATION:
                module.DEFAULT_CONFIGURATION["protocol"] = ("http", str)
                module.DEFAULT_CONFIGURATION["port"] = (int(_PORT), (int, str))
            else:  # connector 5
                _default_to_our_port(module.ConnectionConfig)

        spec.loader.exec_module = exec_module
        return spec


if _FILE or _MOUNTS:
    _redirect_files()
if _PORT:
    sys.meta_path.insert(0, _ConnectorDefaults())
