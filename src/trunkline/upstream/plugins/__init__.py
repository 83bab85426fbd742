"""The user's own code between the gateway and its providers: plugins and routers, in Python and JavaScript."""

from trunkline.upstream.plugins.host import PluginHost

__all__ = ["PluginHost"]
