"""What is done with each wizard of a form: by the protocol, then by the parameter.

Each takes the wizard, the form and a function that lets windows be drawn; it chooses something and
raises unless the form has it then.
"""

from __future__ import annotations


def lowpass(wizard, form, settle) -> None:
    wizard.slider.set_val(12.0)
    wizard.finish()
    expect(form, "lowpass", "12.0")


def nothing(wizard, form, settle) -> None:
    """A list of which nothing is chosen."""


def expect(form, param: str, value: str) -> None:
    """Raise unless a field of the form has a value."""
    found = form.widgetDict[param].get()
    if str(found) != value:
        raise RuntimeError(f"the wizard filled {found!r} into {param}, not {value!r}")


WIZARDS = {
    "local_scale": {"lowpass": lowpass},
    "modify_map": {"lowpass": lowpass},
    "region_occupancy": {"chains": nothing},
}
