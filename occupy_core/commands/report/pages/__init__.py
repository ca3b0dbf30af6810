"""One module for each kind of result that a report shows; see `registry`."""
