# SPDX-License-Identifier: GPL-3.0-or-later
from occupy_scipion.viewers.viewer_local_scale import OccupyViewer

__all__ = ["OccupyViewer"]
