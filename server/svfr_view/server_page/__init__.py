"""The page of a running server: its queue, jobs, machine and errors, live in a browser, and nothing to press.

``svfr status --web`` is a client like any other. ``watcher`` asks the server on a thread of its own, with
the requests that every client has, and only while a page is open; ``rates``, ``machine`` and ``thumbnails``
work out what the server does not say; ``http_server`` hands the last answer to browsers of this machine.
However many pages are open, and whatever they send, the server sees one client that asks every other second.
"""
