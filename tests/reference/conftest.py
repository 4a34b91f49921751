"""Examples of these tests are drawn without a clock: on a busy machine one may take any time."""

from hypothesis import settings

settings.register_profile("reference", deadline=None)
settings.load_profile("reference")
