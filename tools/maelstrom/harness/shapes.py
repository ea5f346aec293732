"""Who is a neighbour of whom, and who hears whom while the network is cut, as Maelstrom has it."""
import math


class HarnessError(Exception):
    """The harness or a node went wrong: the run says nothing."""


def topology(kind, nodes):
    n = len(nodes)
    t = {}
    if kind == "total":
        return {a: [b for b in nodes if b != a] for a in nodes}
    if kind == "line":
        return {} if n < 2 else {nodes[i]: [nodes[j] for j in (i - 1, i + 1) if 0 <= j < n] for i in range(n)}
    if kind == "grid":
        side = math.ceil(math.sqrt(n))
        at = lambda i, j: nodes[i * side + j] if i >= 0 and 0 <= j < side and i * side + j < n else None
        for i in range(side):
            for j in range(side):
                me = at(i, j)
                if me is not None:
                    t[me] = [x for x in (at(i + 1, j), at(i - 1, j), at(i, j + 1), at(i, j - 1)) if x is not None]
        return t
    if kind.startswith("tree"):
        b = int(kind[4:] or 2)   # breadth-first b-ary tree: children of i are b*i+1 .. b*i+b
        for i, me in enumerate(nodes):
            up = [nodes[(i - 1) // b]] if i else []
            t[me] = up + [nodes[c] for c in range(b * i + 1, min(b * i + b, n - 1) + 1)]
        return t
    raise HarnessError("unknown topology " + kind)


def complete_grudge(groups):
    every = set().union(*groups)
    return {x: every - set(g) for g in groups for x in g}


def grudge(kind, nodes, rng):
    ns = list(nodes)
    rng.shuffle(ns)
    n = len(ns)
    if kind == "one":
        return complete_grudge([ns[:1], ns[1:]])
    if kind == "majority":
        return complete_grudge([ns[:n // 2], ns[n // 2:]])
    if kind == "minority-third":
        k = (n - 1) // 3
        return complete_grudge([ns[:k], ns[k:]])
    if kind == "majorities-ring":   # every node sees a majority, no two the same one
        m = n // 2 + 1
        if n <= 5:
            return {ns[(i + m // 2) % n]: set(ns) - {ns[(i + j) % n] for j in range(m)} for i in range(n)}
        see = {x: {x} for x in ns}
        while True:
            order = sorted(ns, key=lambda x: (len(see[x]), rng.random()))
            a = order[0]
            if len(see[a]) >= m:
                return {x: set(ns) - see[x] for x in ns}
            b = next(x for x in order if x not in see[a])
            see[a].add(b)
            see[b].add(a)
    raise HarnessError("unknown partition kind " + kind)
