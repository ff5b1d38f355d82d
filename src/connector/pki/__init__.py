"""X.509: bytes in, values out. Names, keys, CSRs, profiles, issuers and chains."""
