"""The ForgeCode bridge's set-up: an address in the environment, and models.json (databricks.md 7.1)."""
