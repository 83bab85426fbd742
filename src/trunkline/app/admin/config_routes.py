"""``/api/config``: the configuration file without its secrets, and saving it with them."""

import asyncio
import os
from pathlib import Path
from typing import Final, NoReturn, cast

from trunkline.app.admin.answers import Table, answer, done, parameter, refuse, table_in, told
from trunkline.app.admin.config_file import Stale, save_table
from trunkline.config.load import dialect_in, read_text
from trunkline.config.masking import Hidden, with_secrets, without_secrets
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration
from trunkline.config.show import masked
from trunkline.config.table import read_table
from trunkline.server.admin import AdminAnswer, AdminCall

SAVED: Final = "Config saved successfully"
"""claude-code-router's own words."""


class ConfigRoutes:
    """The file that ``configuration`` was read from, as it is now: what runs may be older."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    async def read(self, call: AdminCall) -> AdminAnswer:
        """What the file says; without a file, what is in force."""
        return answer(await asyncio.to_thread(self._read))

    async def save(self, call: AdminCall) -> AdminAnswer:
        """Replace the file's content. It is in force after a restart.

        ``version`` in the query is of the text (``/api/config/text``) that the content was made from; claude-code-router's
        own clients send none.
        """
        wanted = table_in(call.body)
        file = edited_file(self._configuration)
        if file is None:
            refuse(
                409,
                f"The gateway runs on no file that is edited here but on {self._configuration.source}: write a "
                "configuration file and restart it.",
            )
        version = parameter(call.query, "version")
        backup = await asyncio.to_thread(self._save, file, wanted, version)
        return done(SAVED, restart_required=True, backup=None if backup is None else backup.name)

    def _read(self) -> Table:
        file = edited_file(self._configuration)
        if file is None:
            return masked(self._configuration)
        try:
            return cast("Table", without_secrets(read_table(file)))
        except ConfigurationError as error:
            refuse(409, f"{file.name} cannot be read as it is now. {told(error)}")

    def _save(self, file: Path, wanted: Table, version: str | None) -> Path | None:
        def change(known: Table) -> Table:
            return cast("Table", with_secrets(wanted, known))

        try:
            return save_table(file, change, os.environ, version)
        except Stale:
            refuse_stale(file)
        except Hidden as error:
            refuse(
                400,
                f"{', '.join(error.places)}: a masked value stands where the file has none to keep. Write it out, "
                "or name a variable, as ${NAME}. The file is as it was.",
            )
        except ConfigurationError as error:
            refuse(400, f"The configuration is refused; the file is as it was. {told(error)}")
        except OSError as error:
            refuse(500, f"{file.name} cannot be written: {error.strerror}. It is as it was.")


def refuse_stale(file: Path) -> NoReturn:
    """Raises GatewayError (409): somebody else has saved in between."""
    refuse(409, f"{file.name} has been changed meanwhile: read it again. Nothing is written.")


def edited_file(configuration: Configuration) -> Path | None:
    """The file of a configuration, if it has keys and values of its own: one of variables is part of the environment."""
    file = Path(configuration.source)
    if not file.is_file():
        return None
    try:
        return None if dialect_in(file, read_text(file)) == "environment" else file
    except ConfigurationError:  # whoever reads it says what is wrong
        return file
