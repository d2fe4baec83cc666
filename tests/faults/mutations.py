"""Damages a record as boards, disks, editors and enemies do: in its bytes, in its lines, in its values."""

import json

HOSTILE = "</script><img src=x onerror=alert(1)> [a](javascript:alert(1)) | `x` <!-- \x1b]0;pwned\x07\x1b[31m\u202e"

#: Values that no field expects everywhere; texts are put in as they stand in a file.
WILD = ("null", "true", "false", "0", "-1", "1", "0.0", "-0.0", "1e308", "-1e308", "1e-320", "1e999", "NaN",
        "-Infinity", "9" * 400, "123456789012345678901234567890", "2147483648", "1.5", '""', '"x"', '"nan"',
        '"\\u0000"', '"\\ud800"', '"\\u001b[2J"', json.dumps(HOSTILE), json.dumps("y" * 20000), "[]", "{}", "[[]]",
        "[null]", "[0]", '[1, "a", null]', '{"a": {"b": []}}', '{"code": "crashed"}', '{"code": "told", "said": "s"}',
        '"\\u00b2"', "[" * 60 + "]" * 60, "[" * 5000 + "]" * 5000, '{"a":' * 60 + "1" + "}" * 60)


#: Names that no field has, and that look like a number or a folder.
KEYS = (HOSTILE, "", "\u00b2", "-1", "9" * 5000, "nan", "../x", "\ud800")

#: Lines that are none.
NO_LINES = ("", "[]", "null", "{}", "\x00", '"x"', "\xff" * 9)


class Raw(str):
    """A value that is written as it is."""


def write(data):
    """Return ``data`` as JSON, :class:`Raw` values as they are."""
    if isinstance(data, Raw):
        return str(data)
    if isinstance(data, dict):
        return "{" + ",".join("{}:{}".format(json.dumps(key), write(value)) for key, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ",".join(write(one) for one in data) + "]"
    return json.dumps(data)


def places(data, found):
    """Return every (container, key) inside ``data``."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        found.append((data, key))
        places(value, found)
    return found


def by_level(data, random):
    """Return a (container, key): half of the time walking down at random, so that long lists do not win always."""
    every = places(data, [])
    if not every:
        return None
    if random.random() < 0.3:
        return random.choice(every)
    here = data
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return random.choice(every)
        key = random.choice(keys)
        inside = here[key]
        if not isinstance(inside, (dict, list)) or not inside or random.random() < 0.25:
            return here, key
        here = inside


def change_value(data, random):
    """Change one value, key or element of ``data`` in place."""
    place = by_level(data, random)
    if place is None:
        return
    container, key = place
    value = container[key]
    kind = random.randrange(10)
    if kind < 2:
        container[key] = Raw(random.choice(WILD))
    elif kind == 2:
        del container[key]
    elif kind == 3:
        container[key] = None
    elif kind < 7 and isinstance(value, bool):
        container[key] = not value
    elif kind < 7 and isinstance(value, int):
        container[key] = random.choice([-value, 0, 1, 2, value + 1, value - 1, value * 1000, 10 ** 9, 10 ** 18])
    elif kind < 7 and isinstance(value, float):
        container[key] = random.choice([-value, 0.0, 1.0, value * 1e6, value / 1e6, value + 1, 0.5 * value, 1e-300,
                                        1e29, 1e-12, 3.0])
    elif kind < 7 and isinstance(value, str):
        container[key] = random.choice([HOSTILE + value, value[:-1], value + value, value.upper(), "../" + value, ""])
    elif kind < 7 and isinstance(value, list):
        container[key] = random.choice([value[:-1], value + value, value[::-1], value[:1], []])
    elif kind < 7 and isinstance(value, dict):
        container[key] = random.choice([{}, dict(list(value.items())[:1]), {random.choice(KEYS): value}])
    elif kind == 7 and isinstance(container, list):
        container.append(value)
    elif kind == 8:
        other, name = random.choice(places(data, []))
        container[key] = json.loads(json.dumps(other[name], default=str))
    elif isinstance(container, dict):
        container[random.choice(KEYS) if kind == 9 else key + "_"] = container.pop(key)


def change_lines(lines, random):
    """Change the order, the number or the ends of whole lines; return the new list."""
    place = random.randrange(len(lines))
    other = random.randrange(len(lines))
    return [lambda: lines[:place] + lines[place + 1:],
            lambda: lines[:place] + [lines[other]] + lines[place:],
            lambda: lines[:place] + [random.choice(NO_LINES)] + lines[place:],
            lambda: lines[:place] + lines[place:place + 2][::-1] + lines[place + 2:],
            lambda: lines[:place] + ["".join(lines[place:place + 2])] + lines[place + 2:],
            lambda: lines[:place + 1],
            lambda: lines[place:],
            lambda: lines[:place] + [lines[place][:random.randrange(len(lines[place]) + 1)]] + lines[place + 1:],
            lambda: random.sample(lines, len(lines)),
            lambda: lines + lines][random.randrange(10)]()


def change_bytes(data, random):
    """Flip, drop, double, insert or cut bytes."""
    if not data:
        return data
    place, kind = random.randrange(len(data)), random.randrange(6)
    if kind == 0:
        return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1:]
    if kind == 1:
        return data[:place] + data[place + random.randrange(1, 40):]
    if kind == 2:
        return data[:place] + bytes(random.randrange(256) for _ in range(random.randrange(1, 5))) + data[place:]
    if kind == 3:
        return data[:place] + b"\x00" * random.randrange(1, 600) + data[place:]
    if kind == 4:
        return data[:place] + data[max(0, place - 50):place] + data[place:]
    return data[:place]


def mutant(text, random):
    """Return the bytes of the record ``text`` with one to four damages."""
    lines = text.splitlines()
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        kind = random.random()
        if not lines or kind < 0.12:
            lines = change_lines(lines or ["{}"], random)
            continue
        if kind < 0.24:
            data = change_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n", random)
            lines = data.decode("latin-1").split("\n")[:-1]
            continue
        # small lines hold more fields than samples: the longest are taken less often
        number = min(random.randrange(len(lines)), random.randrange(len(lines)))
        if random.random() < 0.2:
            number = 0
        try:
            data = json.loads(lines[number])
        except (ValueError, RecursionError):
            continue
        if isinstance(data, (dict, list)):
            change_value(data, random)
            lines[number] = write(data)
    return ("\n".join(lines) + "\n").encode("latin-1", "replace")
