# SPDX-License-Identifier: GPL-3.0-or-later
"""
@article{Forsberg2023,
title = {A robust normalized local filter to estimate compositional heterogeneity directly from cryo-EM maps},
journal = {Nature Communications},
volume = {14},
pages = {5802},
year = {2023},
author = {Forsberg, Björn O. and Shah, Pranav N. M. and Burt, Alister},
doi = {10.1038/s41467-023-41478-1},
url = {https://doi.org/10.1038/s41467-023-41478-1}
}
"""  # noqa: E501
