"""What can be wrong between a user and a workspace, recognised and named (databricks.md 1.1, 2.9, 5.3)."""
