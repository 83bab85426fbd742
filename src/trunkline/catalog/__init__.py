"""Facts about vendors and models, as data with source and date."""
