"""Texts that somebody might put into a name, so that a program runs them or loses its place."""

TEXTS = (
    # ends the line or the command
    "a\nexit",
    "a\r\nexit",
    "a; exit",
    "a\u2028exit",
    "a\x85exit",
    "a\x0bexit",
    # ends the quotation marks
    'a" ; exit ; "b',
    "a' ; exit ; 'b",
    "a\" ' exit",
    '"',
    "\\",
    'a\\" b',
    # a spreadsheet computes it
    '=HYPERLINK("http://x","y")',
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "a,b;c",
    # a browser runs it
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "&lt;script&gt;",
    "javascript:alert(1)",
    # a shell runs it
    "$(touch x)",
    "`touch x`",
    "a|touch x",
    "a&touch x",
    "--force",
    "-o",
    # STAR, JSON and printf read it
    "data_x",
    "loop_",
    "_rlnImageName",
    "#comment",
    ".",
    "?",
    "{}",
    "%s%n",
    "{0.__class__}",
    "null",
    # matplotlib reads it
    "$\\frac{1}{0}$",
    "a$b",
    "_hidden",
    # commands a terminal
    "\x1b[2J\x1b]0;x\x07",
    "a\x08\x08b",
    "\u202egnp.exe",
    # not UTF-8, and odd characters
    "a\udcffb",
    "\ufeffa",
    "é\u0301",
    " a ",
    "æ 蛋白 🧬",
)


def file_names(texts=TEXTS):
    """Those that can be names of files."""
    return tuple(t for t in texts if "/" not in t and "\0" not in t and t not in (".", ".."))
