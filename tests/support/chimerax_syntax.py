"""Which commands ChimeraX takes: written from its user guide, for those that our scripts use.

https://www.cgl.ucsf.edu/chimerax/docs/user/index.html, one page a command. `read_script` reads a
whole script as ChimeraX does, with the aliases that it defines, and raises at the first command,
argument, keyword or value that is none.
"""

import re

from chimerax_commands import TOKEN

SPEC = re.compile(r"#\d+(\.\d+)*(-\d+)?(,#?\d+(\.\d+)*(-\d+)?)*")
COLOR = re.compile(r"#[0-9a-fA-F]{3,4}|#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?|white|black|gray|grey")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


class SyntaxFault(Exception):
    """What ChimeraX would not read."""


def number(text):
    return NUMBER.fullmatch(text) is not None


def integer(text):
    return re.fullmatch(r"\d+", text) is not None


def color(text):
    return COLOR.fullmatch(text) is not None


def spec(text):
    return SPEC.fullmatch(text) is not None


def numbers(count):
    return lambda text: len(text.split(",")) == count and all(map(number, text.split(",")))


def words(*allowed):
    return lambda text: text in allowed


def anything(text):
    return text != ""


def palette(text):
    """Value,color pairs, the values rising: https://…/user/commands/palettes.html."""
    pairs = [pair.split(",") for pair in text.split(":")]
    if not all(len(pair) == 2 and number(pair[0]) and color(pair[1]) for pair in pairs):
        return False
    values = [float(value) for value, _ in pairs]
    return len(values) > 1 and values == sorted(values)


def key_entry(text):
    found, _, label = text.partition(":")
    return color(found) and label != ""


TRUTH = words("true", "false")
# Of each command: what stands first, in order, then keywords with their values; a keyword of None
# stands alone. `repeated` may stand several times before the keywords.
COMMANDS = {
    "open": {"first": [anything]},
    "volume": {
        "first": [spec],
        "keywords": {
            "style": words("surface", "mesh", "image"),
            "region": words("all"),
            "step": integer,
            "level": number,
            "color": color,
            "encloseVolume": number,
        },
    },
    "hide": {"first": [spec, words("models", "atoms", "cartoons", "surfaces")]},
    "show": {"first": [spec, words("models", "atoms", "cartoons", "surfaces")]},
    "set": {"first": [words("bgColor"), color]},
    "color": {"first": [spec, color]},
    "color sample": {"first": [spec], "keywords": {"map": spec, "palette": palette}},
    "color byattribute": {
        "first": [words("a:bfactor", "r:region_occupancy"), spec],
        "keywords": {"palette": palette},
    },
    "key": {
        "repeated": key_entry,
        "keywords": {
            "pos": numbers(2),
            "size": numbers(2),
            "fontSize": integer,
            "ticks": TRUTH,
        },
    },
    "2dlabels": {
        "keywords": {
            "text": anything,
            "color": color,
            "size": number,
            "xpos": number,
            "ypos": number,
        }
    },
    "shape sphere": {
        "keywords": {
            "center": numbers(3),
            "radius": number,
            "color": color,
            "name": anything,
            "modelId": spec,
        }
    },
    "surface dust": {"first": [spec], "keywords": {"size": number}},
    "cartoon": {"first": [spec]},
    "rename": {"first": [spec, anything]},
    "lighting": {"first": [words("soft", "simple", "full", "default")]},
    "graphics": {"keywords": {"silhouettes": TRUTH}},
    "camera": {"first": [words("ortho", "mono")]},
    "view": {},
    "turn": {"first": [words("x", "y", "z"), number]},
    "save": {
        "first": [anything],
        "keywords": {"width": integer, "height": integer, "supersample": integer},
    },
    "exit": {},
}


def parts(line):
    """Split a line into its commands, at semicolons outside of quotation marks."""
    found, current, end = [], [], 0
    line = line.rstrip()
    while end < len(line):
        gap = re.compile(r"\s*;\s*").match(line, end)
        if gap:
            found.append(current)
            current, end = [], gap.end()
            continue
        match = TOKEN.match(line, end)
        if match is None:
            raise SyntaxFault(f"no token at {end} of {line!r}")
        text = next(group for group in match.groups() if group is not None)
        if match.group(3) and text.endswith(";"):
            text, match_end = text[:-1], match.end() - 1
        else:
            match_end = match.end()
        current.append(text)
        end = match_end
    return [*found, current]


def check(command, aliases=()):
    """Raise unless ChimeraX reads a command (a list of tokens)."""
    if not command:
        raise SyntaxFault("an empty command")
    if command[0] in aliases:
        body, count = aliases[command[0]]
        if len(command) - 1 != count:
            raise SyntaxFault(f"{command[0]} takes {count} arguments, not {command[1:]}")
        for i, value in enumerate(command[1:], start=1):
            body = body.replace(f"${i}", value)
        for part in parts(body):
            check(part, aliases)
        return
    name = " ".join(command[:2])
    rest = command[2:]
    if name not in COMMANDS:
        name, rest = command[0], command[1:]
    if name not in COMMANDS:
        raise SyntaxFault(f"{name!r} is no command that the scripts may use")
    _check_arguments(name, rest)


def _check_arguments(name, rest):
    form = COMMANDS[name]
    rest = list(rest)
    for valid in form.get("first", ()):
        if not rest or not valid(rest[0]):
            raise SyntaxFault(f"{name}: {rest[:1]} is no argument here")
        rest.pop(0)
    repeated = form.get("repeated")
    if repeated is not None and not (rest and repeated(rest[0])):
        raise SyntaxFault(f"{name}: {rest[:1]} is no entry")
    while repeated is not None and rest and repeated(rest[0]):
        rest.pop(0)
    seen = set()
    while rest:
        keyword = rest.pop(0)
        valid = form.get("keywords", {}).get(keyword)
        if valid is None or keyword in seen:
            raise SyntaxFault(f"{name}: {keyword!r} is no keyword here, or stands twice")
        seen.add(keyword)
        if not rest or not valid(rest[0]):
            raise SyntaxFault(f"{name} {keyword}: {rest[:1]} is no value of it")
        rest.pop(0)


def read_script(text):
    """Read a whole script; return its commands. Models must be opened before they are named."""
    aliases, found, opened = {}, [], 0
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("alias "):
            _, name, body = line.split(" ", 2)
            count = len(set(re.findall(r"\$(\d)", body)))
            aliases[name] = (body, count)
            if count == 0:
                for part in parts(body):
                    check(part, aliases)
            continue
        for part in parts(line):
            check(part, aliases)
            opened += part[0] == "open"
            found.append(part)
            _require_opened(part, opened)
    return found


def _require_opened(command, opened):
    if command[0] in ("open", "shape", "key", "2dlabels", "set", "rename"):
        return
    for token in command[1:]:
        if spec(token):
            for model in re.findall(r"(\d+)(?:\.\d+)*", token):
                if int(model) > opened and int(model) != 100:
                    raise SyntaxFault(f"{' '.join(command)!r} names #{model}; {opened} are open")
