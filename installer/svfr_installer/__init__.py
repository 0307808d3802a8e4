"""Put the host plugins and the service where they belong, and take them away again.

Every installation is a plan first: a value that says which files will be written, which line will be added.
Printing it is the dry run; carrying it out twice changes nothing the second time. What was installed is
noted beside it, and only that is removed.
"""
