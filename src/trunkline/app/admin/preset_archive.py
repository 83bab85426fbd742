"""The manifest in a zip archive. Nothing is unpacked: the one file is read, within bounds."""

import zipfile
import zlib
from io import BytesIO
from typing import Final

from trunkline.config.presets.manifest import PresetError, Table
from trunkline.config.presets.store import MANIFEST, MOST, decode_manifest

MAGIC: Final = b"PK\x03\x04"
MAX_ENTRIES: Final = 1000
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = "The archive cannot be read: it is broken, encrypted or compressed in an unusual way."


def manifest_in_archive(data: bytes) -> Table:
    """The manifest at the archive's top, or in its one folder there. Raises PresetError, ConfigurationError."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entry = _entry(archive)
            if entry.file_size > MOST or entry.compress_type not in _METHODS:
                raise PresetError(
                    f"{MANIFEST} in the archive is larger than 1 MiB, or the archive is unusual."
                )
            with archive.open(entry) as file:
                content = file.read(MOST + 1)  # what an entry says of its size need not be so
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
    ):
        raise PresetError(_BROKEN) from None
    if len(content) > MOST:
        raise PresetError(f"{MANIFEST} in the archive is larger than 1 MiB.")
    try:
        return decode_manifest(content.decode("utf-8-sig"), MANIFEST)
    except UnicodeDecodeError:
        raise PresetError(f"{MANIFEST} in the archive is no text in UTF-8.") from None


def _entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise PresetError(f"The archive holds more than {MAX_ENTRIES} files: this is no preset.")
    found = [
        entry for entry in entries
        if entry.filename.rpartition("/")[2] == MANIFEST and entry.filename.count("/") <= 1
    ]  # fmt: skip
    if len(found) != 1:
        raise PresetError(f"The archive must hold one {MANIFEST}, at its top or in the folder there.")
    return found[0]
