# SPDX-License-Identifier: GPL-3.0-or-later
"""What a live preview is: values of a form, what they make of its input, and words about it.

Nothing here knows of a screen. What is shown is made by the functions of the core with which a run
makes it, so that the two are the same to the byte.
"""

import dataclasses

from pwem.wizards import EmWizard
from pyworkflow.gui import dialog

from occupy_core.errors import OccupyError, ParameterError
from occupy_core.maps.grid import DensityMap
from occupy_scipion.convert.files import mapName, readAnything
from occupy_scipion.convert.forms import formValue
from occupy_scipion.convert.volumes import VolumeSource, gridOf, readVolume, volumeProblem
from occupy_scipion.records.record import formWords
from occupy_scipion.viewers.busy import workBusily
from occupy_scipion.viewers.scene import Scene


class MissingInput(Exception):
    """An input of the form is empty; the message is a sentence that says which."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Control:
    """A slider, or a choice, for a field of the form.

    Parameters
    ----------
    name : str
        Of the field.
    label : str
    low, high : float
        Ends of the slider.
    start : float or str
        Where it stands when the field is empty.
    step : float
    optional : bool
        Whether the field may be empty: the slider is then switched off.
    choices : tuple of str
        Words to choose from, instead of a slider.
    several : bool
        Whether several of them can be chosen; the field lists them with commas.
    """

    name: str
    label: str
    low: float = 0.0
    high: float = 1.0
    start: float | str = 0.0
    step: float = 0.1
    optional: bool = False
    choices: tuple = ()
    several: bool = False


class Preview:
    """Base of the previews.

    Parameters
    ----------
    protocol : Protocol
        As its form stands.

    Attributes
    ----------
    controls : sequence of Control
    scene : Scene
        What the window for slices shows.
    hasFigure : bool
        Whether there is something to `draw`, too.
    """

    title = ""
    controls = ()
    scene = None
    hasFigure = False

    def __init__(self, protocol):
        self.protocol = protocol

    def values(self):
        """The values in the form, by the names of the controls; None where a field is empty."""
        found = {}
        for control in self.controls:
            value = formValue(self.protocol, control.name)
            found[control.name] = value if value is not None or control.optional else control.start
        return found

    def compute(self, values):
        """Make what is to be shown; in a thread, so no window is touched.

        Raises
        ------
        OccupyError
            When the values cannot be used.
        """
        raise NotImplementedError

    def show(self, made):
        """Put into the scene what `compute` has made."""
        raise NotImplementedError

    def _put(self, items, **options):
        """Make the scene, or put other maps into it."""
        if self.scene is None:
            self.scene = Scene(items, item=options.get("item", 0))
        else:
            self.scene.renew(items, grey=options.get("grey", False))

    def words(self):
        """Derived values, as lines."""
        return []

    def draw(self, figure):
        """Draw a curve that goes with it."""

    def update(self, values):
        """Compute and show at once."""
        self.show(self.compute(values))

    def begin(self):
        """Show what the form asks for; return the preview, ready for its window."""
        self.update(self.values())
        return self


def checked(params, grid):
    """Parameters that can be used on a grid.

    Raises
    ------
    ParameterError
        With a sentence for each that is outside its limits.
    """
    problems = params.problems(grid)
    if problems:
        raise ParameterError(*problems)
    return params


def inputsOf(protocol):
    """The volumes of a form, which can be read.

    Raises
    ------
    MissingInput
        When there is none, or one that cannot be read.
    """
    volumes = protocol.volumes()
    if not volumes:
        raise MissingInput("Choose the input volume first.")
    problems = [problem for volume in volumes for problem in volumeProblem(volume)]
    if problems:
        raise MissingInput(f"Choose another input volume. {problems[0]}")
    return volumes


def firstMap(protocol):
    """The first map of a form.

    Raises
    ------
    MissingInput, OccupyError
    """
    return readVolume(inputsOf(protocol)[0])


def halfMapsOf(volume):
    """The half maps of a volume, at its place; None when it has not two.

    Raises
    ------
    MapFormatError
    """
    files = VolumeSource.of(volume, withHalfMaps=True).halfMaps
    if len(files) != 2:
        return None
    grid = gridOf(volume)
    return tuple(DensityMap(readAnything(file, 0), grid, mapName(file, 0)) for file in files)


class PreviewWizard(EmWizard):
    """Base of the wizards that open a preview.

    Attributes
    ----------
    previewClass : type
    """

    previewClass = None

    def make(self, form):
        """The preview of a form.

        Raises
        ------
        MissingInput, OccupyError
        """
        return self.previewClass(form.protocol).begin()

    def show(self, form, *params):
        try:
            preview = workBusily(form.root, "Reading", lambda: self.make(form))
        except MissingInput as error:
            dialog.showWarning("No input", str(error), form.root)
            return None
        except OccupyError as error:
            dialog.showError(self.previewClass.title, formWords(str(error)), form.root)
            return None
        from occupy_scipion.wizards.preview_window import PreviewWindow  # needs a screen

        return PreviewWindow(preview, form)
