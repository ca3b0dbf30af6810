# SPDX-License-Identifier: GPL-3.0-or-later
"""
@article{Forsberg2023,
title = {A robust normalized local filter to estimate compositional heterogeneity directly from cryo-EM maps},
journal = {Nature Communications},
volume = {14},
pages = {5802},
year = {2023},
author = {Forsberg, Björn O. and Shah, Pranav N. M. and Burt, Alister},
doi = {https://doi.org/10.1038/s41467-023-41478-1}
}

@article{Cardone2013,
title = {One number does not fit all: Mapping local variations in resolution in cryo-EM reconstructions},
journal = {Journal of Structural Biology},
volume = {184},
pages = {226-236},
year = {2013},
author = {Cardone, Giovanni and Heymann, J. Bernard and Steven, Alasdair C.},
doi = {https://doi.org/10.1016/j.jsb.2013.08.002}
}

@article{Vilas2018,
title = {MonoRes: Automatic and Accurate Estimation of Local Resolution for Electron Microscopy Maps},
journal = {Structure},
volume = {26},
pages = {337-344},
year = {2018},
author = {Vilas, José Luis and Gómez-Blanco, Josué and Conesa, Pablo and Melero, Roberto and de la Rosa-Trevín, José Miguel and Otón, Joaquín and Cuenca, Jesús and Marabini, Roberto and Carazo, José María and Vargas, Javier and Sorzano, Carlos Oscar S.},
doi = {https://doi.org/10.1016/j.str.2017.12.018}
}

@article{FrankAlAli1975,
title = {Signal-to-noise ratio of electron micrographs obtained by cross correlation},
journal = {Nature},
volume = {256},
pages = {376-379},
year = {1975},
author = {Frank, Joachim and Al-Ali, Latif},
doi = {https://doi.org/10.1038/256376a0}
}

@article{Fisher1935,
title = {The logic of inductive inference},
journal = {Journal of the Royal Statistical Society},
volume = {98},
pages = {39-82},
year = {1935},
author = {Fisher, Ronald A.},
doi = {https://doi.org/10.2307/2342435}
}

@article{Kinman2023,
title = {Uncovering structural ensembles from single-particle cryo-EM data using cryoDRGN},
journal = {Nature Protocols},
volume = {18},
pages = {319-339},
year = {2023},
author = {Kinman, Laurel F. and Powell, Barrett M. and Zhong, Ellen D. and Berger, Bonnie and Davis, Joseph H.},
doi = {https://doi.org/10.1038/s41596-022-00763-x}
}

@article{Chazal2013,
title = {Persistence-based clustering in Riemannian manifolds},
journal = {Journal of the ACM},
volume = {60},
pages = {41},
year = {2013},
author = {Chazal, Frédéric and Guibas, Leonidas J. and Oudot, Steve Y. and Skraba, Primoz},
doi = {https://doi.org/10.1145/2535927}
}

@article{Wojdyr2022,
title = {GEMMI: A library for structural biology},
journal = {Journal of Open Source Software},
volume = {7},
pages = {4200},
year = {2022},
author = {Wojdyr, Marcin},
doi = {https://doi.org/10.21105/joss.04200}
}

@article{BenjaminiHochberg1995,
title = {Controlling the false discovery rate: A practical and powerful approach to multiple testing},
journal = {Journal of the Royal Statistical Society B},
volume = {57},
pages = {289-300},
year = {1995},
author = {Benjamini, Yoav and Hochberg, Yosef},
doi = {https://doi.org/10.1111/j.2517-6161.1995.tb02031.x}
}
"""  # noqa: E501
