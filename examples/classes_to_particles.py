"""From particles to a refined subset, with a known truth: simulate, classify, analyse, select.

Particles of a complex in three states are simulated, classified by RELION, and imported into
Scipion as 3D classes. The protocol *analyse classes* says what is in which; the particles of the
classes that have the wanted chains are selected and reconstructed; and all that is compared with
the truth. RELION 3.1 (as in Debian) and scipion-em-relion are needed. With 4000 particles it takes
some minutes on two cores::

    python examples/classes_to_particles.py 1wcm.pdb.gz --folder out
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import warnings
from pathlib import Path

import mrcfile
import numpy as np
from main_job import prepare_scipion
from simulate_particles import Settings, run, simulate

SHARES = (0.45, 0.30, 0.25)
PURE = 0.02  # share of the particles of a class below which a chain is truly absent from it


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="atomic model, such as RNA polymerase II (1WCM)")
    parser.add_argument("--folder", type=Path, default=Path("occupy_demo"), help="where to work")
    parser.add_argument("--without", nargs=2, default=("DG", "CJKL"), metavar="CHAINS",
                        help="chains that the second and the third state lack")  # fmt: skip
    parser.add_argument("--wanted", help="chains that the particles must have; default: the first")
    parser.add_argument("--particles", type=int, default=Settings.particles)
    parser.add_argument("--box", type=int, default=Settings.box, help="pixels")
    parser.add_argument("--diameter", type=float, default=200.0, help="of the particle, Å")
    parser.add_argument("--iterations", type=int, default=16)
    parser.add_argument("--snr", type=float, default=Settings.snr)
    return parser.parse_args()


def classify(folder: Path, options: argparse.Namespace) -> Path:
    """Reconstruct the consensus and its halves, and classify; return the table of the particles."""
    for name, more in (
        ("consensus", []),
        ("half1", ["--subset", "1"]),
        ("half2", ["--subset", "2"]),
    ):
        command = ["relion_reconstruct", "--i", "particles.star", "--ctf", "--o", f"{name}.mrc"]
        run([*command, *more], folder)
    job = folder / "Class3D" / "job001"
    job.mkdir(parents=True)
    run(
        ["relion_refine", "--i", "particles.star", "--o", "Class3D/job001/run",
         "--ref", "consensus.mrc", "--ini_high", "40", "--ctf", "--K", "3",
         "--iter", str(options.iterations), "--tau2_fudge", "4", "--strict_highres_exp", "20",
         "--skip_align", "--particle_diameter", str(options.diameter), "--zero_mask",
         "--flatten_solvent", "--norm", "--scale", "--sym", "C1", "--pad", "2", "--j", "1",
         "--pool", "30", "--preread_images", "--dont_combine_weights_via_disc",
         "--random_seed", "1"],
        folder,
    )  # fmt: skip
    return job / f"run_it{options.iterations:03d}_data.star"


class Analysis:
    """A Scipion project: classes in, verdicts, particles and their map out."""

    def __init__(self, folder: Path) -> None:
        import pyworkflow
        from pyworkflow.project import Manager

        self._protocols = pyworkflow.Config.getDomain().getProtocols()
        manager = Manager()
        if manager.hasProject("Classes"):
            manager.deleteProject("Classes")  # of an earlier run of this script
        self.project = manager.createProject("Classes")
        os.chdir(self.project.path)
        self._folder = folder

    def run(self, name: str, label: str, inputs: dict | None = None, **values):
        """Run a protocol; `inputs` are pointers: name -> (protocol, output)."""
        protocol = self.project.newProtocol(self._protocols[name], **values)
        protocol.setObjLabel(label)
        for key, (producer, output) in (inputs or {}).items():
            getattr(protocol, key).set(producer)
            getattr(protocol, key).setExtended(output)
        start = time.monotonic()
        self.project.launchProtocol(protocol, wait=True)
        print(f"  {label:<24} {protocol.getStatus()}, {time.monotonic() - start:.0f} s", flush=True)
        if not protocol.isFinished() or "Traceback" in Path(protocol.getStderrLog()).read_text():
            sys.exit(f"{label} failed: {protocol.getErrorMessage()}")
        return protocol

    def chain(self, star: Path, rule: str):
        """Import the classes, analyse them, select the particles and reconstruct them."""
        cls = self._protocols["ProtImportParticles"]
        imported = self.run(
            "ProtImportParticles", "import classes", importFrom=cls.IMPORT_FROM_RELION,
            starFile=str(star), samplingRate=Settings.voxel, voltage=300,
            sphericalAberration=2.7, amplitudeContrast=0.1,
        )  # fmt: skip
        model = self.run(
            "ProtImportPdb", "import model", inputPdbData=1, pdbFile=str(self._folder / "model.cif")
        )
        classes = (imported, "outputClasses")
        analysed = self.run(
            "OccupyProtAnalyseClasses",
            "analyse classes",
            {"inputVolumes": classes, "inputModel": (model, "outputPdb")},
        )
        print(*(f"    {line}" for line in analysed.summary()[:3]), sep="\n")
        selected = self.run(
            "OccupyProtSelectParticles",
            "select particles",
            {"inputClasses": classes, "inputOccupancies": (analysed, "regionOccupancies")},
            where=rule,
        )
        print(*(f"    {line}" for line in selected.summary()), sep="\n")
        made = self.run(
            "ProtRelionReconstruct",
            "reconstruct the subset",
            {"inputParticles": (selected, "selectedParticles")},
            doCTF=True,
        )
        return imported.outputClasses, analysed, selected, made.outputVolume


def numbers_of(particles) -> np.ndarray:
    """Index of each particle in the stack."""
    return np.array([particle.getLocation()[0] - 1 for particle in particles.iterItems()])


def fsc_within(first: np.ndarray, second: np.ndarray, mask: np.ndarray, finest: float) -> float:
    """Mean FSC of two maps within a soft mask, up to a resolution given in voxels."""
    a, b = (np.fft.rfftn((data - data[mask > 0.5].mean()) * mask) for data in (first, second))
    n = mask.shape[0]
    f = np.fft.fftfreq(n)
    q = np.sqrt(f[:, None, None] ** 2 + f[:, None] ** 2 + np.fft.rfftfreq(n) ** 2)
    shell = np.rint(q * n).astype(int).ravel()
    cross = np.bincount(shell, (a * b.conj()).real.ravel())
    power = np.bincount(shell, np.abs(a.ravel()) ** 2) * np.bincount(shell, np.abs(b.ravel()) ** 2)
    last = int(n / finest)
    return float((cross[1 : last + 1] / np.sqrt(power[1 : last + 1])).mean())


def compare(
    folder: Path, state: np.ndarray, found, wanted: str, options: argparse.Namespace
) -> dict:
    """Compare what was found with the truth."""
    from occupy_core.maps.grid import Grid
    from occupy_core.regions.by_model.atoms import read_model
    from occupy_core.regions.by_model.estimate import chain_masks

    classes, analysed, selected, volume = found
    lacks = dict(zip((1, 2, 3), ("", *options.without), strict=True))
    members = [numbers_of(group) for group in classes.iterItems()]
    rows = [row.clone() for row in analysed.regionOccupancies.iterItems() if row.verdict.get()]
    names = list(dict.fromkeys(row.map.get() for row in rows))
    own = dict(zip(names, members, strict=True))

    def share(which: np.ndarray, chain: str) -> float:
        return float(np.mean([chain not in lacks[s] for s in state[which]]))

    verdicts = [
        {
            "class": row.map.get(),
            "chain": row.region.get(),
            "share": share(own[row.map.get()], row.region.get()),
            "occupancy": row.occupancy.get(),
            "sigma": row.sigma.get(),
            "verdict": row.verdict.get(),
        }
        for row in rows
    ]
    chosen = numbers_of(selected.selectedParticles)
    result = json.loads(Path(selected._getExtraPath("selection.json")).read_text())
    purity = {
        region: {"predicted": predicted, "sigma": sigma, "true": share(chosen, region)}
        for region, predicted, sigma, _ in result["purity"]
        if region in wanted
    }
    grid = Grid.cubic(options.box, Settings.voxel)
    model = read_model(folder / "model.cif")
    masks = [mask.data for mask in chain_masks(model, grid) if mask.name in wanted]
    mask = np.clip(sum(masks), 0, 1)
    truth = mrcfile.read(folder / "state1.mrc")
    finest = Settings.resolution / Settings.voxel
    fsc = {"subset": fsc_within(truth, read(volume.getFileName()), mask, finest)}
    star = max((folder / "Class3D" / "job001").glob("run_it*_data.star"), key=lambda p: p.name)
    for i in (1, 2, 3):
        name = f"class{i}_raw.mrc"
        run(
            ["relion_reconstruct", "--i", str(star.relative_to(folder)), "--ctf", "--class", str(i),
             "--o", name],
            folder,
        )  # fmt: skip
        fsc[f"class {i}"] = fsc_within(truth, read(folder / name), mask, finest)
    return {"verdicts": verdicts, "purity": purity, "fsc": fsc, "selected": len(chosen)}


def read(path) -> np.ndarray:
    """Read a map; Scipion ends the names of maps with :mrc."""
    return np.array(mrcfile.read(str(path).removesuffix(":mrc")))


def refined_and_processed(folder: Path) -> dict[str, list[str]]:
    """Analyse the consensus with its half maps, and after post-processing; return the warnings."""
    from occupy_core.commands.classes.job import ClassesJob
    from occupy_core.commands.classes.run import run_classes

    (folder / "post").mkdir(exist_ok=True)
    run(
        ["relion_mask_create", "--i", "consensus.mrc", "--o", "mask.mrc", "--lowpass", "20",
         "--ini_threshold", "0.1", "--extend_inimask", "1", "--width_soft_edge", "3"],
        folder,
    )  # fmt: skip
    for i in (1, 2):
        shutil.copy(folder / f"half{i}.mrc", folder / f"run_half{i}_class001_unfil.mrc")
    run(
        ["relion_postprocess", "--i", "run_half1_class001_unfil.mrc", "--mask", "mask.mrc",
         "--angpix", str(Settings.voxel), "--adhoc_bfac", "-300", "--skip_fsc_weighting",
         "--o", "post/postprocess"],
        folder,
    )  # fmt: skip
    found = {}
    for name, file, halves in (
        ("refined", "consensus.mrc", {"half1": ("half1.mrc",), "half2": ("half2.mrc",)}),
        ("processed", "post/postprocess.mrc", {}),
    ):
        job = ClassesJob(
            (folder / file,),
            folder / f"analysis_{name}",
            model=folder / "model.cif",
            force=True,
            **{key: tuple(folder / f for f in files) for key, files in halves.items()},
        )
        result = run_classes(job)
        found[name] = list(result.warnings)
        print(f"  {name}: {result.result['answer']['sentence']}", flush=True)
    return found


def main() -> None:
    """Do all, and say what came out beside the truth."""
    options = arguments()
    folder = options.folder.resolve()
    wanted = options.wanted or options.without[0]
    work = folder / "relion"
    shutil.rmtree(work, ignore_errors=True)
    settings = Settings(particles=options.particles, box=options.box, snr=options.snr)
    start = time.monotonic()
    states = list(zip(("", *options.without), SHARES, strict=True))
    state = simulate(options.model.resolve(), work, states, settings)
    print(f"{len(state)} particles in 3 states, {time.monotonic() - start:.0f} s", flush=True)
    star = classify(work, options)
    print(f"classified, {time.monotonic() - start:.0f} s", flush=True)
    os.environ.setdefault("RELION_HOME", "/usr")
    prepare_scipion(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages that Scipion pins
        rule = " and ".join(f"{chain} > 0.5" for chain in wanted)
        found = Analysis(work).chain(star, rule)
    result = compare(work, state, found, wanted, options)
    result["warnings"] = refined_and_processed(work)
    result["seconds"] = time.monotonic() - start
    (folder / "classes_to_particles.json").write_text(json.dumps(result, indent=1))
    lost = [v for v in result["verdicts"] if v["share"] < PURE]
    absent = sum(v["verdict"] == "absent" for v in lost)
    print(f"{absent} of {len(lost)} chains that are absent from a class are called absent")
    for chain, p in result["purity"].items():
        print(f"  {chain}: {p['predicted']:.3f} ± {p['sigma']:.3f} of the selected particles have "
              f"it, truly {p['true']:.3f}")  # fmt: skip
    for name, value in result["fsc"].items():
        print(f"  mean FSC with the truth within {wanted}: {name} {value:.3f}")
    print(f"{result['seconds']:.0f} s in all")


if __name__ == "__main__":
    main()
