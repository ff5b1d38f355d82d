"""What the program needs from the operating system and libraries: the files of CA keys, password hashes, the log."""
