"""HTTP out: connections and credentials."""
