# SPDX-License-Identifier: GPL-3.0-or-later
"""Which inputs of a run are still to be made: by a run that has not ended, or has not begun."""

from pyworkflow.object import PointerList, Scalar, Set
from pyworkflow.protocol import Protocol


def pointersOf(protocol):
    """Yield (parameter, pointer) for each pointer of the form that is set and counts.

    Also those in lists and those in the place of a number. What the form hides does not count.
    """
    for name, param in protocol.getDefinition().iterParams():
        value = getattr(protocol, name)
        if isinstance(value, PointerList):
            pointers = list(value)
        elif isinstance(value, Scalar):
            pointers = [value.getPointer()] if value.hasPointer() else []
        else:
            pointers = [value] if value.isPointer() else []
        pointers = [pointer for pointer in pointers if pointer.hasValue()]
        if pointers and protocol.evalParamCondition(name):
            yield from ((param, pointer) for pointer in pointers)


def pendingInputs(protocol):
    """Sentences about inputs that waiting can bring: each is not there yet, or is not complete."""
    found = []
    for param, pointer in pointersOf(protocol):
        label, name, run = param.label.get(), pointer.getExtended(), _runOf(pointer)
        if pointer.get() is None and not _hasEnded(pointer):
            found.append(
                f"*{label}*: {name} of _{run}_ is not there yet; schedule this run, and it starts "
                "when the input is there."
            )
        elif isOpen(pointer) and not protocol.follows(pointer):
            found.append(
                f"*{label}*: _{run}_ is still adding to {name}, which has "
                f"{_outputOf(pointer).getSize()} items now; schedule this run, and it starts when "
                "the set is complete."
            )
    return list(dict.fromkeys(found))


def missingInputs(protocol):
    """Sentences about inputs that waiting cannot bring: the run that was to make each has ended."""
    found = [
        f"*{param.label.get()}*: _{_runOf(pointer)}_ has finished without making "
        f"{pointer.getExtended()}; choose another input."
        for param, pointer in pointersOf(protocol)
        if pointer.get() is None and _hasEnded(pointer)
    ]
    return list(dict.fromkeys(found))


def _hasEnded(pointer):
    """Whether nobody works on an output any more, or will when asked to."""
    producer = pointer.getObjValue()
    return not isinstance(producer, Protocol) or (
        producer.isFinished() and not producer.isInteractive()
    )


def _runOf(pointer):
    producer = pointer.getObjValue()
    return producer.getObjLabel() or producer.getClassName()


def _outputOf(pointer):
    """The output of a run that a pointer goes to or into."""
    parts = pointer.getExtendedParts()
    return getattr(pointer.getObjValue(), parts[0], None) if parts else pointer.get()


def isOpen(pointer):
    """Whether more can come into the set that a pointer goes to or into."""
    output = _outputOf(pointer)
    return isinstance(output, Set) and output.isStreamOpen()
