# SPDX-License-Identifier: GPL-3.0-or-later
"""What the protocols know of the records that `occupy_core` writes: a module for each command."""
