/**
 * Makes up a run: items flood over a random graph by announcement, request and item, with latencies by region. It is no simulator, and its
 * figures mean nothing; but its timelines have all that real ones have.
 */
import type { Fault } from '../../src/timeline/types';
import type { Draft } from './encode';
import { random } from './random';

/** What to make up. */
export interface Wish {
  nodes: number;
  /** Links that each node dials. */
  degree: number;
  items: number;
  /** Items a second. */
  rate: number;
  seed: number;
  title?: string;
  strategy?: string;
  /** A factor on all waits: another strategy. */
  slow?: number;
  /** Announcements leave an end of a link in batches so far apart, µs; 0 or nothing: each alone. */
  batch?: number;
  /** Whether some nodes go down, lie and are slow, and messages are lost. */
  faults?: boolean;
}

const REGIONS = ['europe', 'na_east', 'na_west', 'asia', 'oceania', 'south_america'];
const PLACES = [[33000, 20000], [19000, 23000], [10000, 24000], [52000, 26000], [57000, 48000], [22000, 47000]];
const KINDS = ['hello', 'ping', 'announce', 'getdata', 'tx', 'block', 'digest'];
const [HELLO, ANNOUNCE, GETDATA, TX, BLOCK] = [0, 2, 3, 4, 5];
const STATES = ['up', 'down', 'paused', 'resumed', 'lying', 'honest', 'slow', 'quick'];
const FLIGHT_EXTRA = 400;

interface Sent { sent: number; end: number; kind: number; bytes: number; took: number; fate: number; items: number[] }

/** The next thing of an item that happens: a binary heap by time. */
class Heap {
  private readonly entries: [number, () => void][] = [];

  push(at: number, run: () => void): void {
    const heap = this.entries;
    let child = heap.push([at, run]) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (heap[parent][0] <= heap[child][0]) break;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      child = parent;
    }
  }

  pop(): (() => void) | undefined {
    const heap = this.entries;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last !== undefined) {
      heap[0] = last;
      let parent = 0;
      for (;;) {
        let least = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) {
          if (child < heap.length && heap[child][0] < heap[least][0]) least = child;
        }
        if (least === parent) break;
        [heap[parent], heap[least]] = [heap[least], heap[parent]];
        parent = least;
      }
    }
    return top?.[1];
  }
}

/** A made-up run. Equal wishes give equal runs. */
export function flood(wish: Wish): Draft {
  const draw = random(wish.seed);
  const whole = (below: number): number => Math.floor(draw() * below);
  const { nodes, items, slow = 1 } = wish;
  const region = Array.from({ length: nodes }, () => whole(REGIONS.length));
  const mapX = region.map((which) => Math.round(PLACES[which][0] + (draw() + draw() - 1) * 6500));
  const mapY = region.map((which) => Math.round(PLACES[which][1] + (draw() + draw() - 1) * 6500));
  const pairs = new Set<number>();
  for (let node = 0; node < nodes; node++) {
    for (let dialled = 0; dialled < wish.degree; dialled++) {
      const to = whole(nodes);
      if (to !== node && !pairs.has(to * nodes + node)) pairs.add(node * nodes + to);
    }
  }
  const links = [...pairs].map((pair) => ({ from: Math.floor(pair / nodes), to: pair % nodes }));
  const latency = links.map(({ from, to }) => Math.round(4000 + Math.hypot(mapX[from] - mapX[to], mapY[from] - mapY[to]) * 2.4 * (0.8 + 0.4 * draw())));
  const neighbours: { end: number; node: number }[][] = Array.from({ length: nodes }, () => []);
  links.forEach(({ from, to }, link) => {
    neighbours[from].push({ end: link * 2, node: to });
    neighbours[to].push({ end: link * 2 + 1, node: from });
  });
  const madeAt = Array.from({ length: items }, (_, item) => Math.round(500_000 + (item * 1e6) / wish.rate));
  const isBlock = Array.from({ length: items }, (_, item) => items > 20 && item % 50 === 49);
  const size = isBlock.map((block) => (block ? 20_000 + whole(60_000) : 150 + whole(500)));
  const origin = isBlock.map(() => whole(nodes));
  const trouble = wish.faults === true ? makeTrouble(nodes, madeAt[items - 1] + 4e6) : { faults: [], changes: [], down: () => false, slow: () => false };
  const messages: Sent[] = [];
  const deliveries: { at: number; node: number; item: number; from: number }[] = [];

  const { batch = 0 } = wish;
  const batches = new Map<number, Sent>();
  const announce = (ready: number, end: number, item: number, arrived: (at: number) => void): void => {
    if (batch === 0) return send(ready, end, ANNOUNCE, 45, [item], arrived);
    const slot = Math.ceil((ready - (end % 97) * 1000) / batch);
    const key = slot * 2 * links.length + end;
    let leaving = batches.get(key);
    if (leaving === undefined) {
      send(slot * batch + (end % 97) * 1000, end, ANNOUNCE, 13, [], () => undefined);
      leaving = messages[messages.length - 1];
      batches.set(key, leaving);
    }
    leaving.items.push(item);
    leaving.bytes += 32;
    if (leaving.fate === 0) arrived(leaving.sent + leaving.took);
  };
  const send = (sent: number, end: number, kind: number, bytes: number, its: number[], arrived: (at: number) => void): void => {
    const link = links[end >> 1];
    const [sender, receiver] = end & 1 ? [link.to, link.from] : [link.from, link.to];
    const took = Math.round(latency[end >> 1] * (trouble.slow(receiver, sent) ? 5 : 1) + FLIGHT_EXTRA + bytes * 0.16 + draw() * 900);
    const isLost = trouble.down(receiver, sent + took) || trouble.down(sender, sent) || (wish.faults === true && draw() < 0.01);
    messages.push({ sent, end, kind, bytes, took: isLost ? 0 : took, fate: isLost ? 1 : 0, items: its });
    if (!isLost) arrived(sent + took);
  };
  for (let link = 0; link < links.length; link++) send(whole(200_000), link * 2, HELLO, 90, [], () => undefined);
  for (let item = 0; item < items; item++) {
    const heap = new Heap();
    const has = new Uint8Array(nodes);
    const asked = new Uint8Array(nodes);
    const accept = (at: number, node: number, from: number): void => {
      if (has[node] === 1 || trouble.down(node, at)) return;
      has[node] = 1;
      deliveries.push({ at, node, item, from });
      for (const { end, node: peer } of neighbours[node]) {
        if (from > 0 && (end >> 1) === ((from - 1) >> 1)) continue;
        const wait = Math.round((isBlock[item] ? 0 : draw() * 90_000) * slow + 300);
        heap.push(at + wait, () => announce(at + wait, end, item, (heard) => heap.push(heard, () => hear(heard, peer, end))));
      }
    };
    const hear = (at: number, node: number, end: number): void => {
      if (has[node] === 1 || asked[node] >= 3) return;
      // Now and then a second is asked: what gets a duplicate.
      if (asked[node] > 0 && draw() > 0.02) return;
      asked[node]++;
      const when = at + Math.round(200 + draw() * 2000 * slow);
      send(when, end ^ 1, GETDATA, 45, [item], (arrived) => {
        heap.push(arrived, () => send(arrived + 150, end, isBlock[item] ? BLOCK : TX, size[item] + 20, [item], (came) => heap.push(came, () => accept(came, node, end + 1))));
      });
    };
    heap.push(madeAt[item], () => accept(madeAt[item], origin[item], 0));
    for (let run = heap.pop(); run !== undefined; run = heap.pop()) run();
  }
  messages.sort((a, b) => a.sent - b.sent);
  deliveries.sort((a, b) => a.at - b.at);
  const end = Math.max(madeAt[items - 1] ?? 0, messages.at(-1)?.sent ?? 0, deliveries.at(-1)?.at ?? 0) + 500_000;
  const samples = makeSamples(end, nodes, draw);
  const place = forcePlaces(nodes, links, draw);
  const column = <T,>(rows: readonly T[], of: (row: T) => number): number[] => rows.map(of);
  return {
    header: {
      title: wish.title ?? `made up, ${nodes} nodes`, source: 'simulated', began_unix_us: 0, end_us: end, seed: String(wish.seed), event_hash: null,
      manifest: '', scenario: null, strategy: wish.strategy ?? 'made-up', nodes, names: null, regions: REGIONS, kinds: KINDS, states: STATES,
      faults: trouble.faults, marks: [], kept_items_one_of: 1, dropped_rows: 0, invalid_reasons: [],
    },
    tables: {
      nodes: { rows: nodes, columns: { x: place.x, y: place.y, map_x: mapX, map_y: mapY, region } },
      links: { rows: links.length, columns: { from: column(links, (link) => link.from), to: column(links, (link) => link.to), up: links.map(() => 0), down: links.map(() => 0) } },
      items: {
        rows: items,
        columns: { kind: isBlock.map(Number), hash: Array.from({ length: items * 8 }, () => whole(256)), size, origin: origin.map((node) => node + 1), at: madeAt },
      },
      messages: {
        rows: messages.length,
        columns: {
          sent: column(messages, (m) => m.sent), end: column(messages, (m) => m.end), kind: column(messages, (m) => m.kind), bytes: column(messages, (m) => m.bytes),
          took: column(messages, (m) => m.took), fate: column(messages, (m) => m.fate), count: column(messages, (m) => m.items.length),
        },
      },
      named: { rows: messages.reduce((sum, m) => sum + m.items.length, 0), columns: { item: messages.flatMap((m) => m.items) } },
      deliveries: {
        rows: deliveries.length,
        columns: { at: column(deliveries, (d) => d.at), node: column(deliveries, (d) => d.node), item: column(deliveries, (d) => d.item), from: column(deliveries, (d) => d.from) },
      },
      states: { rows: trouble.changes.length, columns: { at: column(trouble.changes, (c) => c[0]), node: column(trouble.changes, (c) => c[1]), state: column(trouble.changes, (c) => STATES.indexOf(c[2])) } },
      samples,
    },
  };
}

type Change = [at: number, node: number, change: string];

function makeTrouble(nodes: number, end: number): {
  faults: Fault[]; changes: Change[]; down: (node: number, t: number) => boolean; slow: (node: number, t: number) => boolean;
} {
  const killed = Array.from({ length: Math.ceil(nodes / 20) }, (_, index) => (index * 7 + 3) % nodes);
  const slow = Array.from({ length: Math.ceil(nodes / 25) }, (_, index) => (index * 11 + 5) % nodes);
  const lying = [(nodes * 3) >> 2];
  const [down, up] = [Math.round(end * 0.3), Math.round(end * 0.55)];
  const [slowFrom, slowTo] = [Math.round(end * 0.15), Math.round(end * 0.8)];
  const changes: Change[] = [
    ...killed.flatMap((node): Change[] => [[down, node, 'down'], [up, node, 'up']]),
    ...slow.flatMap((node): Change[] => [[slowFrom, node, 'slow'], [slowTo, node, 'quick']]),
    ...lying.map((node): Change => [Math.round(end * 0.4), node, 'lying']),
  ].sort((a, b) => a[0] - b[0]) as Change[];
  return {
    faults: [
      { kind: 'slow', at_us: slowFrom, until_us: slowTo, text: `${slow.length} nodes handle messages five times slower`, nodes: slow },
      { kind: 'kill', at_us: down, until_us: up, text: `${killed.length} nodes are killed, and come back`, nodes: killed },
      { kind: 'liar', at_us: Math.round(end * 0.4), until_us: null, text: 'a node announces what it does not have', nodes: lying },
    ],
    changes,
    down: (node, t) => killed.includes(node) && t >= down && t < up,
    slow: (node, t) => slow.includes(node) && t >= slowFrom && t < slowTo,
  };
}

function makeSamples(end: number, nodes: number, draw: () => number): { rows: number; columns: Record<string, number[]> } {
  const columns: Record<string, number[]> = { at: [], node: [], waiting: [], asked: [], queued: [] };
  for (let at = 0; at < end; at += 1e6) {
    for (let node = 0; node < Math.min(nodes, 200); node++) {
      columns.at.push(at);
      columns.node.push(node);
      columns.waiting.push(Math.floor(draw() * 20));
      columns.asked.push(Math.floor(draw() * 4));
      columns.queued.push(Math.floor(draw() * draw() * 40_000));
    }
  }
  return { rows: columns.at.length, columns };
}

/** Rough places: neighbours draw each other nearer, and a grid of cells keeps all apart. */
function forcePlaces(nodes: number, links: { from: number; to: number }[], draw: () => number): { x: number[]; y: number[] } {
  const x = Float64Array.from({ length: nodes }, (_, node) => Math.cos(node * 2.39996) * Math.sqrt((node + 0.5) / nodes));
  const y = Float64Array.from({ length: nodes }, (_, node) => Math.sin(node * 2.39996) * Math.sqrt((node + 0.5) / nodes));
  for (let round = 0; round < 2; round++) {
    for (const { from, to } of links) {
      const [dx, dy] = [(x[to] - x[from]) * 0.02, (y[to] - y[from]) * 0.02];
      x[from] += dx; y[from] += dy; x[to] -= dx; y[to] -= dy;
    }
  }
  const wide = Math.max(...x.map(Math.abs), ...y.map(Math.abs), 1e-9) * 1.05;
  const onGrid = (value: number): number => Math.max(0, Math.min(65535, Math.round(((value / wide + 1) / 2) * 65535 + (draw() - 0.5) * 900)));
  return { x: Array.from(x, onGrid), y: Array.from(y, onGrid) };
}
