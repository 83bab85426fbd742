"""The configuration of the ``PROXY_BACKEND`` proxy: variables, and the ``.env`` that holds them."""
