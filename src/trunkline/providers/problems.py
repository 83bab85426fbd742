"""The error for provider settings that cannot work."""


class SettingsError(ValueError):
    """A provider's settings are wrong. The message says which provider, what, and what to write instead."""
