"""Settings of the tests of the method."""

from hypothesis import settings

# Nothing here is judged by how long it takes: the tests share their cores with others.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
