"""One exchange from start to end: plan, attempts, translation, stream. Async, but without sockets."""
