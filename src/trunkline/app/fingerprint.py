"""Whether settings are what they were: their secrets too, which are equal only to themselves."""

import hashlib

import msgspec
from msgspec import structs

from trunkline.config.schema import ProviderSettings
from trunkline.config.secret import Secret


def place(settings: ProviderSettings) -> bytes:
    """What says whether two settings are about the same deployments, asked in the same way: all but credentials and
    the list of models."""
    return fingerprint(
        structs.replace(settings, credential=None, spare=(), login=None, service_account=None, models=())
    )


def fingerprint(value: object) -> bytes:
    """A digest of settings, secrets included: they are equal only to themselves."""
    return hashlib.sha256(msgspec.json.encode(value, enc_hook=_digest)).digest()


def _digest(value: object) -> object:
    if isinstance(value, Secret):
        return hashlib.sha256(value.reveal().encode()).hexdigest()
    raise TypeError(f"no digest of {type(value).__name__}")
