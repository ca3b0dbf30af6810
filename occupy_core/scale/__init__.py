"""The local scale of one map: solvent model, scale and confidence, modification.

One door: `estimate.estimate_scale`. `modify.iter_modified` makes maps by a scale.
"""
