"""From classes to verdicts, differences and a regrouping: the command ``occupy_core classes``."""
