# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms and parameters: a form parameter is the camelCase of the field of `occupy_core`.

An empty field is None, "derive it from the map".
"""

import dataclasses

import pyworkflow.protocol.params as params

FORM_NAMES = {"subtraction_mask": "subtractionMaskOf"}
"""Fields whose form parameter is not their camelCase: `subtractionMask` is an output."""


def formName(field):
    """Name of the form parameter of a field."""
    first, *rest = field.split("_")
    return FORM_NAMES.get(field, first + "".join(word.capitalize() for word in rest))


def formValue(protocol, name):
    """Value of a form parameter: the text of a choice, None for an empty field."""
    if isinstance(protocol.getParam(name), params.EnumParam):
        return protocol.getEnumText(name)
    value = protocol.getAttributeValue(name)
    return value.strip() or None if isinstance(value, str) else value


def paramsFromForm(protocol, cls, **others):
    """Make a parameter dataclass from the form; `others` are fields that the form has not.

    A field that is empty, but must not be (which Scipion tells), has its default.
    """
    values = {
        field.name: formValue(protocol, formName(field.name))
        for field in dataclasses.fields(cls)
        if protocol.getParam(formName(field.name)) is not None
    }
    given = {name: value for name, value in values.items() if value is not None}
    return cls(**{**given, **others})
