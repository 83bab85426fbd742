"""Conversations of many turns through every pair of protocols, against providers as strict as the real ones."""
