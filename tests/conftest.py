"""For every test: property tests are judged by what they find, not by how long a case takes on a busy machine."""

from hypothesis import settings

settings.register_profile("vedette", deadline=None)
settings.load_profile("vedette")
