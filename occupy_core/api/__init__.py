"""The front door: one function for each question; volumes in, results out.

A volume is a numpy array (z, y, x) with its `voxel_size` in Å, a `DensityMap`, or the path of a
map. Where an array goes in, arrays come out. Keywords that a function does not name are the fields
of its parameters, such as `mode` of `ScaleParams`. What is public is offered by `occupy_core`
itself; `docs/api.md` shows each function at work.
"""
