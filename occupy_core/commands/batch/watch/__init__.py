"""Maps that arrive in a folder, each done as it comes."""
