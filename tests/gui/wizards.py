"""What is done with each wizard of a form: by the protocol, then by the parameter.

Each takes the wizard, the form and a function that lets windows be drawn; it chooses something and
raises unless the form has it then.
"""

from __future__ import annotations


def moved(**values):
    """Move sliders of a preview, use them, and cancel."""

    def use(window, form, settle) -> None:
        for name, value in values.items():
            field = window._fields[name]
            if hasattr(field, "slider"):
                field.slider.set(value)
            else:
                field.set(value)
            window.refresh()
        while window.isBusy:
            settle()
        if said := window.window.status.get():
            raise RuntimeError(said)
        words = window.words.cget("text")
        if not words:
            raise RuntimeError("the preview has no words")
        window.use()
        for name, value in values.items():
            expect(form, name, str(value))
        window.read()
        while window.isBusy:
            settle()
        if not all(same(window.values()[name], value) for name, value in values.items()):
            raise RuntimeError(f"the preview reads {window.values()} from the form, not {values}")
        window.cancel()
        if window.root.winfo_exists():
            raise RuntimeError("the preview is still open")

    return use


def same(found, value) -> bool:
    """Whether a field has a value; a slider stands at the next of its steps."""
    try:
        return abs(float(found) - float(value)) <= 0.01 * abs(float(value))
    except (TypeError, ValueError):
        return str(found) == str(value)


def expect(form, param: str, value: str) -> None:
    """Raise unless a field of the form has a value."""
    found = form.widgetDict[param].get()
    if not same(found, value):
        raise RuntimeError(f"the wizard filled {found!r} into {param}, not {value!r}")


WIZARDS = {
    "local_scale": {
        "lowpass": moved(lowpass=12.0),
        "granularity": moved(granularity=5.0),
        "hedgeConfidence": moved(hedgeConfidence=5.0),
    },
    "modify_map": {"amplify": moved(amplify=3.0), "pivot": moved(sigmoid=5.0, pivot=0.4)},
    "region_occupancy": {"chains": moved(chains="A, C"), "maskRadius": moved(maskRadius=6.0)},
    "structural_blocks": {"threshold": moved(threshold=0.5)},
}
