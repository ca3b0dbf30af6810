# SPDX-License-Identifier: GPL-3.0-or-later
"""The only mapping between Scipion's objects and what `occupy_core` takes."""
