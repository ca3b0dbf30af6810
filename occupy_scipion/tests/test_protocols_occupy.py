# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009 - Scipion runs these with unittest
"""Checks an installation: python -m scipion tests occupy_scipion.tests.test_protocols_occupy

The data are synthetic; nothing is downloaded.
"""

import os

import mrcfile
import numpy as np
from pwem.objects import Pointer
from pwem.protocols import ProtImportMask, ProtImportVolumes
from pyworkflow.tests import BaseTest, setupTestProject

from occupy_scipion.protocols import (
    OccupyProtBlocks,
    OccupyProtLocalResolution,
    OccupyProtLocalScale,
    OccupyProtModifyMap,
    OccupyProtRegionOccupancy,
)

VOXEL = 1.35
BOX = 32


class TestOccupy(BaseTest):
    """Imports a map with half maps and masks, and runs the protocols on it."""

    @classmethod
    def setUpClass(cls):
        setupTestProject(cls)  # makes the project and goes into it
        z, y, x = np.mgrid[:BOX, :BOX, :BOX] - (BOX - 1) / 2
        rng = np.random.default_rng(1)
        full = (x + 6) ** 2 + y**2 + z**2 < 25
        half = (x - 6) ** 2 + y**2 + z**2 < 25
        signal = full * 1.0 + half * 0.5
        noise = rng.normal(0, 0.05, (2, BOX, BOX, BOX))
        for name, data in (
            ("map", signal + noise.mean(axis=0)),
            ("half1", signal + noise[0]),
            ("half2", signal + noise[1]),
            ("mask", full | half),
            ("full", full),
            ("half", half),
        ):
            with mrcfile.new(cls.fileName(name), overwrite=True) as mrc:
                mrc.set_data(data.astype(np.float32))
                mrc.voxel_size = VOXEL
        cls.map = cls.launchProtocol(
            cls.newProtocol(
                ProtImportVolumes,
                filesPath=cls.fileName("map"),
                samplingRate=VOXEL,
                setHalfMaps=True,
                half1map=cls.fileName("half1"),
                half2map=cls.fileName("half2"),
            )
        )
        cls.mask, cls.full, cls.half = (
            cls.launchProtocol(
                cls.newProtocol(ProtImportMask, maskPath=cls.fileName(name), samplingRate=VOXEL)
            )
            for name in ("mask", "full", "half")
        )

    @classmethod
    def fileName(cls, name):
        return os.path.join(cls.proj.getTmpPath(), name + ".mrc")

    def run_(self, cls, inputs, several=(), **values):
        protocol = self.newProtocol(cls, **values)
        for name, (producer, output) in inputs.items():
            getattr(protocol, name).set(producer)
            getattr(protocol, name).setExtended(output)
        for name, producer, output in several:
            getattr(protocol, name).append(Pointer(producer, extended=output))
        self.launchProtocol(protocol)
        with open(protocol.getStderrLog()) as log:  # "finished" alone is not enough
            self.assertNotIn("Traceback", log.read())
        return protocol

    def test_mainJob(self):
        scaled = self.run_(
            OccupyProtLocalScale,
            {
                "inputVolumes": (self.map, "outputVolume"),
                "solventDefinition": (self.mask, "outputMask"),
            },
        )
        for output in (scaled.scaleVolume, scaled.confidenceVolume):
            self.assertEqual((BOX, BOX, BOX), output.getDim())
            self.assertAlmostEqual(VOXEL, output.getSamplingRate())
        with mrcfile.open(scaled.scaleVolume.getFileName()) as mrc:
            data = mrc.data
            middle = BOX // 2
            full, half = (data[middle, middle, middle + shift] for shift in (-6, 6))
        self.assertGreater(full, 0.9)
        self.assertTrue(0.35 < half < 0.75, half)

        modified = self.run_(
            OccupyProtModifyMap,
            {
                "inputVolume": (self.map, "outputVolume"),
                "inputScale": (scaled, "scaleVolume"),
            },
            amplify=4.0,
            attenuate=3.0,
            subtractionMaskOf=1,
        )
        self.assertTrue(modified.amplifiedVolume.hasHalfMaps())
        self.assertTrue(modified.attenuatedVolume.hasHalfMaps())
        self.assertEqual((BOX, BOX, BOX), modified.keepMask.getDim())
        self.assertEqual((BOX, BOX, BOX), modified.subtractMask.getDim())

    def test_analysis(self):
        volume = {"inputVolume": (self.map, "outputVolume")}
        resolved = self.run_(OccupyProtLocalResolution, volume)
        self.assertEqual((BOX, BOX, BOX), resolved.resolution_Volume.getDim())

        measured = self.run_(
            OccupyProtRegionOccupancy,
            {"inputVolumes": (self.map, "outputVolume")},
            several=[("inputMasks", mask, "outputMask") for mask in (self.full, self.half)],
            regionsFrom=1,
            reference="full",
        )
        values = [row.occupancy.get() for row in measured.regionOccupancies]
        self.assertAlmostEqual(1.0, values[0], delta=0.01)
        self.assertAlmostEqual(0.5, values[1], delta=0.1)

    def test_ensemble(self):
        with mrcfile.open(self.fileName("half")) as mask:
            block = mask.data
        with mrcfile.open(self.fileName("full")) as mask:
            core = mask.data
        rng = np.random.default_rng(2)
        folder = os.path.join(self.proj.getTmpPath(), "ensemble")
        os.makedirs(folder)
        for i in range(40):  # the block is in every other volume
            data = core + (i % 2) * block + rng.normal(0, 0.05, core.shape)
            with mrcfile.new(os.path.join(folder, f"volume_{i}.mrc")) as mrc:
                mrc.set_data(data.astype(np.float32))
                mrc.voxel_size = VOXEL
        values = {"filesPath": folder + os.sep, "filesPattern": "*.mrc", "samplingRate": VOXEL}
        ensemble = self.launchProtocol(self.newProtocol(ProtImportVolumes, **values))
        found = self.run_(
            OccupyProtBlocks,
            {},
            several=[("inputVolumes", ensemble, "outputVolumes")],
            where="B1 > 0.5",
        )
        self.assertEqual(1, found.blockMasks.getSize())
        self.assertEqual(40, found.outputVolumes.getSize())
        self.assertEqual(20, found.subsetVolumes.getSize())

    def test_validate(self):
        protocol = self.newProtocol(OccupyProtLocalScale, kernelSize=4)
        self.assertTrue(any("EMPTY" in error for error in protocol.validate()))
        protocol.inputVolumes.set(self.map)
        protocol.inputVolumes.setExtended("outputVolume")
        self.assertTrue(any("odd number" in error for error in protocol.validate()))
