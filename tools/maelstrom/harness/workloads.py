"""The workloads: what clients ask for, what the answers look like, and what a history of them must show.

`broadcast` and `g-set` are judged by the set rules, `g-counter` and `pn-counter` by the sum: every final read is the sum of all adds that
were acknowledged, plus any of those whose fate is unknown. (Read in Maelstrom's sources, `src/maelstrom/workload/*.clj`.)"""

from checker import check_set, check_sum


class Sets:
    """Values that are written once each, counted up."""
    judge = staticmethod(check_set)

    def __init__(self, name, write, field, answer):
        self.name, self.write, self.field, self.answer = name, write, field, answer
        self.has_topology = name == "broadcast"
        self.next = 0

    def value(self, rng):
        self.next += 1
        return self.next - 1

    def is_read(self, body):
        return isinstance(body.get(self.answer), list)


class Counters:
    """Sums: an add is any of -5..4, or of 0..4 where the counter only grows."""
    judge = staticmethod(check_sum)
    write, field, answer, has_topology = "add", "delta", "value", False

    def __init__(self, name, least):
        self.name, self.least = name, least

    def value(self, rng):
        return rng.randrange(self.least, 5)

    def is_read(self, body):
        return isinstance(body.get("value"), int)


def workload(name):
    return {"broadcast": lambda: Sets(name, "broadcast", "message", "messages"),
            "g-set": lambda: Sets(name, "add", "element", "value"),
            "g-counter": lambda: Counters(name, 0),
            "pn-counter": lambda: Counters(name, -5)}[name]()


NAMES = ["broadcast", "g-set", "g-counter", "pn-counter"]
