"""What is asked of a figure."""


def texts(figure):
    """All that is written in a figure."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]
    for legend in figure.legends:
        found += [text.get_text() for text in legend.get_texts()]
    return found


def inside(figure):
    """Whether everything drawn lies on the paper."""
    width, height = figure.canvas.get_width_height()
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    dpi = figure.dpi
    return (
        box.x0 * dpi >= -1
        and box.y0 * dpi >= -1
        and box.x1 * dpi <= width + 1
        and box.y1 * dpi <= height + 1
    )
