"""The two GraphQL APIs. The SDL files are the contract."""
