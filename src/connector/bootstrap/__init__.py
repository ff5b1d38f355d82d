"""From settings to objects: the one package that knows every other.

Commands begin with :mod:`connector.bootstrap.administration`, which imports nothing of the web and of serving, so that
they start quickly. The server begins with :mod:`connector.bootstrap.server`.
"""
