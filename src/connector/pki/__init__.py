"""X.509, bytes in and values out: names, keys, CSRs, profiles, issuers and chains."""
