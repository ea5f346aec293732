"""The judge: what a history of operations says of the values in it (Jepsen's "set-full" rules), or of a sum."""


def quantiles(xs):
    xs = sorted(xs)
    n = len(xs)
    return {str(q): xs[min(n - 1, int(n * q))] for q in (0, 0.5, 0.95, 0.99, 1)} if n else None


def check_set(history):
    el = {}   # value -> [known op, last_present inv, last_absent inv]
    dup = {}
    for op in history:
        if op["f"] != "read":
            if op["type"] == "invoke":
                el[op["value"]] = [None, None, None]
            elif op["type"] == "ok" and el[op["value"]][0] is None:
                el[op["value"]][0] = op
        elif op["type"] == "ok":
            inv = op["inv"]
            got = set(op["value"])
            if len(got) != len(op["value"]):
                for v in got:
                    c = op["value"].count(v)
                    if c > 1:
                        dup[v] = max(c, dup.get(v, 0))
            for v, st in el.items():
                if v in got:
                    if st[0] is None:
                        st[0] = op
                    if st[1] is None or st[1]["index"] < inv["index"]:
                        st[1] = inv
                elif st[2] is None or st[2]["index"] < inv["index"]:
                    st[2] = inv
    stable, lost, never, stale, lat, lostlat = [], [], [], [], [], []
    for v, (known, pres, absent) in el.items():
        pi = pres["index"] if pres else -1
        ai = absent["index"] if absent else -1
        if pres and ai < pi:
            stable.append(v)
            t = (absent["time"] + 1) if absent else 0
            ms = max(0, t - known["time"]) // 1000000
            lat.append(ms)
            if ms > 0:
                stale.append(v)
        elif known and absent and pi < ai and known["index"] < ai:
            lost.append(v)
            lostlat.append(max(0, (pres["time"] + 1 if pres else 0) - known["time"]) // 1000000)
        else:
            never.append(v)
    valid = False if lost else ("unknown" if not stable else True)
    known_values = set(el)
    phantom = sorted({v for op in history if op["f"] == "read" and op["type"] == "ok" for v in op["value"]
                      if isinstance(v, (int, str)) and v not in known_values}, key=str)
    return {"valid?": valid, "attempt-count": len(el), "stable-count": len(stable), "lost-count": len(lost),
            "lost": sorted(lost)[:50], "never-read-count": len(never), "never-read": sorted(never)[:50],
            "stale-count": len(stale), "stable-latencies": quantiles(lat), "lost-latencies": quantiles(lostlat),
            "duplicated-count": len(dup), "phantom-count": len(phantom)}


def check_sum(history):
    """Every final read is the sum of what was acknowledged, and of any of what may have happened."""
    adds = [op for op in history if op["f"] == "add"]
    acceptable = {sum(op["value"] for op in adds if op["type"] == "ok")}
    for op in adds:
        if op["type"] == "info":
            acceptable |= {x + op["value"] for x in acceptable}
    finals = [op for op in history if op["f"] == "read" and op["final"] and op["type"] == "ok"]
    reads = [op["value"] for op in finals]
    errors = [{"process": op["process"], "value": op["value"]} for op in finals if op["value"] not in acceptable]
    return {"valid?": not errors if reads else "unknown", "errors": errors[:50], "final-reads": sorted(set(reads)),
            "acceptable": sorted(acceptable)[:50], "add-count": sum(1 for op in adds if op["type"] == "ok"),
            "indeterminate-count": sum(1 for op in adds if op["type"] == "info"), "stable-latencies": None}


def results(r):
    h = r.history
    o = r.o
    inv = [x for x in h if x["type"] == "invoke"]
    ok = [x for x in h if x["type"] == "ok"]
    byf = {}
    for f in (r.workload.write, "read"):
        c = {t: sum(1 for x in h if x["f"] == f and x["type"] == t) for t in ("invoke", "ok", "fail", "info")}
        byf[f] = {"valid?": c["ok"] > 0, "count": c["ok"] + c["fail"] + c["info"], "ok-count": c["ok"],
                  "fail-count": c["fail"], "info-count": c["info"]}
    frac = len(ok) / len(inv) if inv else 1.0
    av = True if o.availability is None else (frac == 1 if o.availability == "total" else frac >= float(o.availability))
    ns, nc = r.sent["servers"], r.sent["clients"]
    nb = byf[r.workload.write]["count"]
    w = r.workload.judge(h)
    loads = list(r.per_node_sent.values()) or [0]
    net = {"servers": {"send-count": ns, "recv-count": r.recv["servers"], "msg-count": ns,
                       "msgs-per-op": round(ns / len(inv), 4) if inv else None},
           "clients": {"send-count": nc, "recv-count": r.recv["clients"], "msg-count": nc},
           "all": {"msg-count": ns + nc, "msgs-per-op": round((ns + nc) / len(inv), 4) if inv else None},
           "valid?": True,
           # not in Maelstrom:
           "x-msgs-per-" + r.workload.write: round(ns / nb, 4) if nb else None, "x-dropped": r.dropped,
           "x-bytes-delivered-servers": r.bytes_servers, "x-by-type": r.by_type,
           "x-node-sent-min-max": [min(loads), max(loads)]}
    valid = w["valid?"]
    if valid is True and not (av and all(b["valid?"] for b in byf.values())):
        valid = False
    res = {"workload": w, "stats": {"count": len(ok) + sum(1 for x in h if x["type"] in ("fail", "info")),
                                    "ok-count": len(ok), "by-f": byf},
           "availability": {"valid?": av, "ok-fraction": round(frac, 6)}, "net": net, "valid?": valid}
    if r.nemesis_log:
        res["nemesis"] = r.nemesis_log
    lim, sl = [], w["stable-latencies"] or {}
    for name, limit, value in (("msgs-per-op", o.max_msgs_per_op, net["servers"]["msgs-per-op"]),
                               ("median", o.max_median, sl.get("0.5")), ("p95", o.max_p95, sl.get("0.95")),
                               ("max", o.max_max, sl.get("1"))):
        if limit is not None:
            lim.append({"name": name, "limit": limit, "value": value, "ok": value is not None and value <= limit})
    if lim:
        res["limits"] = lim
    return res
