# SPDX-License-Identifier: GPL-3.0-or-later
from occupy_scipion.protocols.protocol_local_scale import OccupyProtLocalScale
from occupy_scipion.protocols.protocol_modify_map import OccupyProtModifyMap

__all__ = ["OccupyProtLocalScale", "OccupyProtModifyMap"]
