"""What can go wrong, each as one sentence: what, value, limit, remedy."""


class OccupyError(Exception):
    """Base of all errors that a user can mend."""


class MapFormatError(OccupyError):
    """A file is not a map that can be used."""


class GridMismatchError(OccupyError):
    """Two maps do not lie on the same grid."""


class ParameterError(OccupyError):
    """A parameter is outside its limits.

    Parameters
    ----------
    *problems : str
        One sentence for each parameter.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class EstimationError(OccupyError):
    """The data do not allow the estimate."""


class OutputError(OccupyError):
    """A result cannot be written."""


class OccupyWarning(UserWarning):
    """The result is usable, but the user should know something about it."""


class MachineWarning(UserWarning):
    """The result is the same, but this machine lacks something, and the run takes longer.

    Not part of the record of a run, which does not depend on the machine.
    """
