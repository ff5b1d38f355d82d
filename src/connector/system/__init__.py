"""The operating system and libraries: the files of CA keys, password hashes, the log."""
