"""The same generated examples in every run: what chance finds belongs to whoever goes looking for it.

TRUNKLINE_EXPLORE=1 looks at new ones.
"""

import os

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow,)
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.register_profile("exploring", deadline=None, suppress_health_check=SLOW)
settings.load_profile("exploring" if os.environ.get("TRUNKLINE_EXPLORE") else "repeatable")
