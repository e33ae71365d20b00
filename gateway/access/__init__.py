"""Who may do what: credentials, keys, tokens, and the one table of every path."""
