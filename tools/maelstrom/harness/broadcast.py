#!/usr/bin/env python3
"""broadcast.py - a stand-alone harness for the Maelstrom workloads *broadcast*, *g-set*, *g-counter* and *pn-counter*.

An independent re-implementation (standard library only, no Maelstrom/Jepsen code) of what
`maelstrom test -w broadcast` (or another of these) does as of Maelstrom 0.2.5-dev / Jepsen 0.3.7: it starts N copies of
a binary, talks line-delimited JSON over stdin/stdout, routes node-to-node messages through a
simulated network (latency, loss by partition), runs a random mix of `broadcast` (or `add`) and `read` client
operations, performs final reads, and judges the history with the "set-full" rules, or those for sums.

  broadcast.py --bin ./node --node-count 25 --time-limit 20 --rate 100 --latency 100 \
      --topology tree4 [--nemesis partition] [--max-msgs-per-op 30 --max-median 400 --max-max 600] \
      [--json out.json] [-- args for the node binary]

Behaviour reproduced on purpose (each was read in the original's sources):
 * network latency applies only between servers; any message to or from a client is immediate;
 * each receiver has one inbox ordered by delivery deadline and a single delivery thread that takes
   the head and sleeps until it is due: a later message, even a client's with zero latency, waits
   behind it (head-of-line blocking; switch off with --no-hol);
 * partition drops are decided when the receiver takes the message from its inbox, not at send;
 * partitions never affect clients; kinds: one, minority-third, majority, majorities-ring;
   start/stop alternate, gaps uniform in [0, 2*interval];
 * operations are scheduled at uniform gaps in [0, 2/rate], each on the next free worker in turn; worker i
   is bound to node i mod N; RPC timeout 5 s (a timed-out broadcast is indeterminate, `info`, and a
   timed-out read is `fail`);
 * at the end: heal, sleep 10 s (--recovery), then one final read per worker;
 * msgs-per-op = distinct messages between servers / client operations invoked (broadcasts AND
   reads, final reads included); init/topology exchanges are client traffic and are not counted;
 * availability ok-fraction = ok / invoked;
 * stable latency of an element = (invocation time of the last read that misses it + 1 ns) minus
   the time it became known (broadcast_ok, or the first completed read that shows it), floored to
   ms, never below 0; 0 if no read ever missed it. Quantile q of n sorted values = value[floor(n*q)]
   (capped at n-1). lost = the last relevant read misses a known element; any lost => invalid;
   no stable element at all => unknown.

Exit status: 0 valid and all thresholds met, 1 invalid or threshold missed, 2 unknown, 3 harness or
node error (crash, malformed message, no init_ok).
"""
import argparse, heapq, json, os, random, selectors, signal, subprocess, sys, tempfile, time

from checker import results
from shapes import HarnessError, grudge, topology
from workloads import NAMES, workload

INIT_TIMEOUT = 10.0
RPC_TIMEOUT = 5.0
ERRORS = {0: ("timeout", False), 1: ("node-not-found", True), 10: ("not-supported", True),
          11: ("temporarily-unavailable", True), 12: ("malformed-request", True), 13: ("crash", False),
          14: ("abort", True), 20: ("key-does-not-exist", True), 21: ("key-already-exists", True),
          22: ("precondition-failed", True), 30: ("txn-conflict", True)}


class Node:
    def __init__(self, nid, proc):
        self.id, self.proc, self.out = nid, proc, b""
        self.inbox, self.hand = [], None      # heap of (deadline, seq, msg); message taken but not yet due
        self.wbuf = bytearray()


class Run:
    def __init__(self, o):
        self.o = o
        self.workload = workload(o.workload)
        self.rng = random.Random(o.seed)
        self.nodes = {}
        self.ids = ["n%d" % i for i in range(o.node_count)]
        self.sel = selectors.DefaultSelector()
        self.timers, self.seq = [], 0
        self.blocked = {}                     # receiver -> set of senders it drops
        self.clients = {}                     # client id -> callback(body)
        self.history, self.index = [], 0
        self.sent = {"servers": 0, "clients": 0}
        self.recv = {"servers": 0, "clients": 0}
        self.dropped = 0
        self.bytes_servers = 0
        self.by_type = {}
        self.per_node_sent, self.per_node_recv = {}, {}
        self.nemesis_log = []
        self.msg_id = 0
        self.t0 = time.monotonic()

    # -- plumbing
    def now(self):
        return time.monotonic() - self.t0

    def at(self, when, fn):
        self.seq += 1
        heapq.heappush(self.timers, (when, self.seq, fn))

    def latency(self):
        m = self.o.latency
        if m == 0:
            return 0.0
        d = self.o.latency_dist
        if d == "constant":
            return m / 1000.0
        if d == "uniform":
            return self.rng.randrange(0, 2 * m) / 1000.0
        return int(self.rng.expovariate(1.0 / m)) / 1000.0

    def start_nodes(self):
        for nid in self.ids:
            log = open(os.path.join(self.o.logs, nid + ".log"), "wb")
            p = subprocess.Popen([os.path.abspath(self.o.bin)] + self.o.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=log, cwd=tempfile.gettempdir(), bufsize=0)
            log.close()
            os.set_blocking(p.stdout.fileno(), False)
            os.set_blocking(p.stdin.fileno(), False)
            self.nodes[nid] = Node(nid, p)
            self.sel.register(p.stdout, selectors.EVENT_READ, (nid, "r"))

    def stop_nodes(self):
        for nd in self.nodes.values():
            if nd.proc.poll() is None:
                nd.proc.kill()
        for nd in self.nodes.values():
            nd.proc.wait()
            nd.proc.stdin.close()
            nd.proc.stdout.close()

    def check_alive(self):
        for nd in self.nodes.values():
            rc = nd.proc.poll()
            if rc is not None:
                tail = open(os.path.join(self.o.logs, nd.id + ".log"), "rb").read()[-2000:].decode("utf8", "replace")
                raise HarnessError("node %s exited with status %s; its stderr ends:\n%s" % (nd.id, rc, tail))

    # -- network
    def is_client(self, x):
        return x.startswith("c")

    def send(self, src, dest, body):
        cl = self.is_client(src) or self.is_client(dest)
        self.sent["clients" if cl else "servers"] += 1
        if self.is_client(dest):
            self.recv["clients"] += 1
            cb = self.clients.get(dest)
            if cb:
                cb(body)
            return
        if dest not in self.nodes:
            raise HarnessError("message from %s to unknown node %r" % (src, dest))
        msg = {"src": src, "dest": dest, "body": body}
        if not cl:
            self.by_type[body.get("type")] = self.by_type.get(body.get("type"), 0) + 1
            self.per_node_sent[src] = self.per_node_sent.get(src, 0) + 1
            if self.o.loss and self.rng.random() < self.o.loss:
                self.dropped += 1
                return
        nd = self.nodes[dest]
        now = self.now()
        self.seq += 1
        heapq.heappush(nd.inbox, (now + (0.0 if cl else self.latency()), self.seq, msg))
        if not self.o.hol:
            d = nd.inbox[-1]
            nd.inbox.clear()
            if msg["src"] in self.blocked.get(dest, ()):
                self.dropped += 1
            elif d[0] <= now:
                self.deliver(nd, msg)
            else:
                self.at(d[0], lambda: self.deliver(nd, msg))
        elif nd.hand is None:
            self.take(nd)

    def take(self, nd):
        """Head-of-line delivery: take messages until one is not yet due."""
        while nd.inbox:
            due, _, msg = heapq.heappop(nd.inbox)
            if msg["src"] in self.blocked.get(nd.id, ()):
                self.dropped += 1
                continue
            wait = due - self.now()
            if wait >= 0.001:
                nd.hand = msg
                self.at(self.now() + int(wait * 1000) / 1000.0, lambda: self.hand_over(nd))
                return
            self.deliver(nd, msg)

    def hand_over(self, nd):
        msg, nd.hand = nd.hand, None
        self.deliver(nd, msg)
        self.take(nd)

    def deliver(self, nd, msg):
        cl = self.is_client(msg["src"])
        self.recv["clients" if cl else "servers"] += 1
        line = json.dumps(msg, separators=(",", ":")).encode() + b"\n"
        if not cl:
            self.bytes_servers += len(line)
            self.per_node_recv[nd.id] = self.per_node_recv.get(nd.id, 0) + 1
        was = bool(nd.wbuf)
        nd.wbuf += line
        if not was:
            self.flush(nd)

    def flush(self, nd):
        fd = nd.proc.stdin
        try:
            while nd.wbuf:
                k = os.write(fd.fileno(), nd.wbuf)
                del nd.wbuf[:k]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            nd.wbuf.clear()
            self.check_alive()
        registered = fd in self.sel.get_map()
        if nd.wbuf and not registered:
            self.sel.register(fd, selectors.EVENT_WRITE, (nd.id, "w"))
        elif not nd.wbuf and registered:
            self.sel.unregister(fd)

    def read_node(self, nd):
        try:
            data = os.read(nd.proc.stdout.fileno(), 1 << 18)
        except BlockingIOError:
            return
        if not data:
            self.sel.unregister(nd.proc.stdout)
            nd.proc.wait()
            self.check_alive()
        lines = (nd.out + data).split(b"\n")
        nd.out = lines.pop()
        for ln in lines:
            if not ln.strip():
                continue
            try:
                m = json.loads(ln)
                src, dest, body = m["src"], m["dest"], m["body"]
                assert isinstance(src, str) and isinstance(dest, str) and isinstance(body, dict)
            except Exception:
                raise HarnessError("node %s printed a line that is not a Maelstrom message: %r" % (nd.id, ln[:300]))
            if src != nd.id:
                raise HarnessError("node %s sent a message as %r" % (nd.id, src))
            self.send(src, dest, body)

    def poll(self, until):
        """Run events until `until` (a time) or until it returns True (a function)."""
        stop = until if callable(until) else (lambda: self.now() >= until)
        while not stop():
            now = self.now()
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
                now = self.now()
            if stop():
                return
            wait = 0.05
            if self.timers:
                wait = min(wait, max(0.0, self.timers[0][0] - self.now()))
            if not callable(until):
                wait = min(wait, max(0.0, until - self.now()))
            for key, _ in self.sel.select(wait):
                nid, what = key.data
                if what == "r":
                    self.read_node(self.nodes[nid])
                else:
                    self.flush(self.nodes[nid])

    # -- client operations
    def rpc(self, cid, dest, body, done, timeout=RPC_TIMEOUT):
        self.msg_id += 1
        mid = self.msg_id
        body = dict(body, msg_id=mid)
        state = {"open": True}

        def reply(b):
            if state["open"] and b.get("in_reply_to") == mid:
                state["open"] = False
                self.clients[cid] = None
                done(b)

        def late():
            if state["open"]:
                state["open"] = False
                self.clients[cid] = None
                done(None)
        self.clients[cid] = reply
        self.at(self.now() + timeout, late)
        self.send(cid, dest, body)

    def record(self, kind, f, proc, value, error=None, inv=None, final=False):
        op = {"index": self.index, "type": kind, "f": f, "process": proc, "value": value,
              "time": int(self.now() * 1e9), "inv": inv, "final": final}
        if error:
            op["error"] = error
        self.index += 1
        self.history.append(op)
        return op

    def invoke(self, w, f, value, free, final=False):
        node = self.ids[w % len(self.ids)]
        inv = self.record("invoke", f, w, value, final=final)
        load = self.workload
        body = {"type": load.write, load.field: value} if f == load.write else {"type": "read"}

        def done(b):
            if b is None:
                self.record("fail" if f == "read" else "info", f, w, value, "net-timeout", inv, final)
            elif b.get("type") == "error":
                name, definite = ERRORS.get(b.get("code"), ("unknown", False))
                self.record("fail" if definite or f == "read" else "info", f, w, value, name, inv, final)
            elif f == load.write:
                if b.get("type") != load.write + "_ok":
                    raise HarnessError("expected %s_ok from %s, got %r" % (load.write, node, b))
                self.record("ok", f, w, value, None, inv, final)
            else:
                if b.get("type") != "read_ok" or not load.is_read(b):
                    raise HarnessError("expected read_ok with %s from %s, got %r" % (load.answer, node, str(b)[:200]))
                self.record("ok", f, w, b[load.answer], None, inv, final)
            free.add(w)
        self.rpc("c%d" % (1000 + w), node, body, done)

    def all_rpc(self, body_of, expect, timeout, what):
        left = set(self.ids)

        def mk(nid):
            def done(b):
                if b is None or b.get("type") != expect:
                    raise HarnessError("expected %s from %s, got %r" % (expect, nid, b))
                left.discard(nid)
            return done
        for i, nid in enumerate(self.ids):
            self.rpc("c%d" % i, nid, body_of(nid), mk(nid), timeout)
        self.poll(lambda: not left)

    def run(self):
        o = self.o
        self.start_nodes()
        self.all_rpc(lambda nid: {"type": "init", "node_id": nid, "node_ids": self.ids}, "init_ok", INIT_TIMEOUT, "init")
        topo = topology(o.topology, self.ids)
        if self.workload.has_topology:
            self.all_rpc(lambda nid: {"type": "topology", "topology": topo}, "topology_ok", RPC_TIMEOUT, "topology")
        workers = o.concurrency or o.node_count
        free = set(range(workers))
        turn = [-1]
        start = self.now()
        end = start + o.time_limit

        def next_op():
            if self.now() >= end:
                return
            if not free:
                self.at(self.now() + 0.001, next_op)
                return
            w = turn[0] = min(free, key=lambda x: (x - turn[0] - 1) % workers)  # in turn, as Jepsen 0.3.7 does
            free.discard(w)
            if self.rng.random() < o.write_fraction:
                self.invoke(w, self.workload.write, self.workload.value(self.rng), free)
            else:
                self.invoke(w, "read", None, free)
            sched[0] = max(sched[0] + self.rng.uniform(0, 2.0 / o.rate), self.now())
            self.at(sched[0], next_op)
        sched = [start]
        if o.rate > 0:
            self.at(start, next_op)
        if "partition" in o.nemesis:
            state = {"on": False}

            def flip():
                if self.now() >= end:
                    return
                if state["on"]:
                    self.blocked = {}
                    self.nemesis_log.append((round(self.now() - start, 3), "heal"))
                else:
                    kind = self.rng.choice(["one", "minority-third", "majority", "majorities-ring"])
                    self.blocked = grudge(kind, self.ids, self.rng)
                    self.nemesis_log.append((round(self.now() - start, 3), kind))
                state["on"] = not state["on"]
                self.at(self.now() + self.rng.uniform(0, 2 * o.nemesis_interval), flip)
            self.at(start + self.rng.uniform(0, 2 * o.nemesis_interval), flip)
        self.poll(end)
        self.blocked = {}
        self.poll(lambda: len(free) == workers)
        self.messages_main = self.sent["servers"]
        self.poll(self.now() + o.recovery)
        for w in range(workers):
            free.discard(w)
            self.invoke(w, "read", None, free, final=True)
        self.poll(lambda: len(free) == workers)
        self.check_alive()


def main():
    p = argparse.ArgumentParser(description="Maelstrom's gossip workloads, re-implemented", epilog="node arguments follow --")
    p.add_argument("--bin", required=True)
    p.add_argument("--workload", choices=NAMES, default="broadcast")
    p.add_argument("--node-count", type=int, default=5)
    p.add_argument("--time-limit", type=float, default=60)
    p.add_argument("--rate", type=float, default=5)
    p.add_argument("--concurrency", type=int, default=0, help="workers; default: one per node")
    p.add_argument("--latency", type=int, default=0, help="mean server-to-server latency, ms")
    p.add_argument("--latency-dist", choices=["constant", "uniform", "exponential"], default="constant")
    p.add_argument("--topology", default="grid", choices=["grid", "line", "tree", "tree2", "tree3", "tree4", "total"])
    p.add_argument("--nemesis", default="", help="'partition' or nothing")
    p.add_argument("--nemesis-interval", type=float, default=10)
    p.add_argument("--availability", default=None, help="'total' or a fraction")
    p.add_argument("--recovery", type=float, default=10, help="seconds between heal and final reads")
    p.add_argument("--loss", type=float, default=0.0, help="(extension) independent loss of server messages")
    p.add_argument("--write-fraction", type=float, default=0.5, help="(extension) share of writes; Maelstrom: 0.5")
    p.add_argument("--no-hol", dest="hol", action="store_false", help="(extension) no head-of-line blocking at receivers")
    p.add_argument("--seed", type=int, default=None, help="seed for schedule/latency/partitions (timing still real)")
    p.add_argument("--max-msgs-per-op", type=float)
    p.add_argument("--max-median", type=float)
    p.add_argument("--max-p95", type=float)
    p.add_argument("--max-max", type=float)
    p.add_argument("--logs", default=None, help="folder for node stderr; default: a fresh temporary one")
    p.add_argument("--json", default=None, help="write the result here too")
    p.add_argument("--history", default=None, help="write the operation history as JSON lines")
    argv, extra = sys.argv[1:], []
    if "--" in argv:
        k = argv.index("--")
        argv, extra = argv[:k], argv[k + 1:]
    o = p.parse_args(argv)
    o.args = extra
    o.logs = o.logs or tempfile.mkdtemp(prefix="maelstrom-")
    os.makedirs(o.logs, exist_ok=True)
    r = Run(o)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    try:
        r.run()
    except HarnessError as e:
        print("harness error: %s" % e, file=sys.stderr)
        sys.exit(3)
    finally:
        r.stop_nodes()
    res = results(r)
    text = json.dumps(res, indent=1)
    print(text)
    if o.json:
        open(o.json, "w").write(text + "\n")
    if o.history:
        with open(o.history, "w") as f:
            for op in r.history:
                f.write(json.dumps({k: (v["index"] if k == "inv" and v else v) for k, v in op.items()}) + "\n")
    bad = any(not x["ok"] for x in res.get("limits", []))
    sys.exit(1 if res["valid?"] is False or bad else 2 if res["valid?"] == "unknown" else 0)


if __name__ == "__main__":
    main()
