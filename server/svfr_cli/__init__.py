"""The ``svfr`` command: thin shells around the client, the service and the restore library.

``main.py`` is the entry, ``commands/`` holds one module per command, ``exit_codes.py`` what scripts may rely
on. Nothing heavy is imported before a command needs it, so that ``svfr --help`` answers at once.
"""
