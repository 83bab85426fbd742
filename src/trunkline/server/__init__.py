"""HTTP in: routes, authentication, the edge guard."""
