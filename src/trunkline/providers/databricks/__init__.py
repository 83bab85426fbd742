"""Databricks: two surfaces on one workspace, strict bodies, errors in many shapes (databricks.md)."""
