"""Occupancy of regions in maps, with an error bar: by an atomic model or by masks."""
