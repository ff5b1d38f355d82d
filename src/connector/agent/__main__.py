"""``python -m connector.agent``."""

from connector.agent import main

main()
