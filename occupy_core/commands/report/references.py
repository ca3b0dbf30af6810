"""The papers that methods are cited by."""

from __future__ import annotations

import re

REFERENCES = {
    "Forsberg2023": (
        "Forsberg, B. O., Shah, P. N. M. & Burt, A. A robust normalized local filter to estimate "
        "compositional heterogeneity directly from cryo-EM maps. Nat. Commun. 14, 5802 (2023). "
        "doi:10.1038/s41467-023-41478-1"
    ),
    "Cardone2013": (
        "Cardone, G., Heymann, J. B. & Steven, A. C. One number does not fit all: mapping local "
        "variations in resolution in cryo-EM reconstructions. J. Struct. Biol. 184, 226-236 (2013)."
        " doi:10.1016/j.jsb.2013.08.002"
    ),
    "Vilas2018": (
        "Vilas, J. L. et al. MonoRes: automatic and accurate estimation of local resolution for "
        "electron microscopy maps. Structure 26, 337-344 (2018). doi:10.1016/j.str.2017.12.018"
    ),
    "FrankAlAli1975": (
        "Frank, J. & Al-Ali, L. Signal-to-noise ratio of electron micrographs obtained by cross "
        "correlation. Nature 256, 376-379 (1975). doi:10.1038/256376a0"
    ),
    "Fisher1935": (
        "Fisher, R. A. The logic of inductive inference. J. R. Stat. Soc. 98, 39-82 (1935). "
        "doi:10.2307/2342435"
    ),
    "Chazal2013": (
        "Chazal, F., Guibas, L. J., Oudot, S. Y. & Skraba, P. Persistence-based clustering in "
        "Riemannian manifolds. J. ACM 60, 41 (2013). doi:10.1145/2535927"
    ),
    "Kinman2023": (
        "Kinman, L. F. et al. Uncovering structural ensembles from single-particle cryo-EM data "
        "using cryoDRGN. Nat. Protoc. 18, 319-339 (2023). doi:10.1038/s41596-022-00763-x"
    ),
    "Wojdyr2022": (
        "Wojdyr, M. GEMMI: a library for structural biology. J. Open Source Softw. 7, 4200 (2022). "
        "doi:10.21105/joss.04200"
    ),
    "BenjaminiHochberg1995": (
        "Benjamini, Y. & Hochberg, Y. Controlling the false discovery rate. J. R. Stat. Soc. B 57, "
        "289-300 (1995). doi:10.1111/j.2517-6161.1995.tb02031.x"
    ),
}


def cited(text: str) -> list[str]:
    """Return the references whose keys stand in square brackets in a text, in their order."""
    keys = dict.fromkeys(re.findall(r"\[(\w+)\]", text))
    return [f"[{key}] {REFERENCES[key]}" for key in keys if key in REFERENCES]
