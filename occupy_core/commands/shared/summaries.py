"""What each command does, in the order of the help, which is shown without loading any of them."""

SUMMARIES = {
    "scale": "Estimate the local scale of a map, and modify the map by it.",
    "regions": "Measure the occupancy of chains, ligands or masked regions, with error bars.",
    "blocks": "Find the blocks of an ensemble: what comes and goes together.",
    "resolution": "Estimate the local and global resolution of a map, and its mask.",
    "classes": "Analyse classes: what is in which, what differs, and which may be one.",
    "particles": "Write the particles of the classes or volumes that have a region.",
    "report": "Show results in one HTML file that needs no network: slices, surfaces, tables.",
    "batch": "Do many jobs: on the cores of this machine, or on a cluster.",
    "watch": "Do a job for each map that arrives in a folder.",
    "relion-hook": "Focus a 3D classification of RELION on what is missing in some particles.",
}
