/**
 * A scenario as data: what the simulator takes (tidings_sim::scenario::Scenario as JSON), of which only what differs from the defaults need be there.
 *
 * Whatever a user does to a run is one more entry in it, with a moment. So a fork is the same seed run again, a link is this data, and
 * `tidings-testnet sim` runs the same. Nothing here changes its argument.
 */

/** Something that goes wrong on purpose. Which keys there are depends on the kind. */
export interface Fault {
  kind: string;
  [key: string]: unknown;
}

/** One more transaction: `at_s` seconds after the first submission, at a node. */
export interface Write {
  at_s: number;
  node: number;
}

/** A scenario. What is left out has its default; what isn't named here is kept as it is. */
export interface Scenario {
  seed?: number;
  network?: Record<string, unknown>;
  link?: Record<string, unknown>;
  workload?: Record<string, unknown>;
  params?: Record<string, unknown>;
  fault?: Fault[];
  write?: Write[];
  [key: string]: unknown;
}

/** What a user does to a node, or to the link between it and `other`. */
export type Deed =
  | { name: 'write' | 'kill' | 'revive' | 'pause' | 'lie' | 'truth' | 'slow' | 'quick'; node: number }
  | { name: 'cut' | 'silence' | 'mend'; node: number; other: number };

/** For how long a node is stopped, seconds. A guess: long enough to see what waits for it. */
export const PAUSE_S = 2;
/** By how much a node is slowed, ms: more than most ways across the world. A guess. */
export const SLOW_MS = 500;
/** Most characters of a link: what browsers take, several times. */
const LINK_MAX = 200_000;

/** The fault that a deed makes. */
const FAULTS: Record<string, (deed: Deed) => Fault> = {
  kill: ({ node }) => ({ kind: 'crash', nodes: [node] }),
  pause: ({ node }) => ({ kind: 'pause', nodes: [node], for_s: PAUSE_S }),
  lie: ({ node }) => ({ kind: 'liar', nodes: [node], say: 'all' }),
  slow: ({ node }) => ({ kind: 'slow', nodes: [node], by_ms: SLOW_MS }),
  cut: (deed) => ({ kind: 'cut', links: [pairOf(deed)], mode: 'break' }),
  silence: (deed) => ({ kind: 'cut', links: [pairOf(deed)] }),
};

/** What undoes another deed: which fault ends, and the key of its length. */
const ENDS: Record<string, { kind: string; length: string }> = {
  revive: { kind: 'crash', length: 'restart_after_s' },
  truth: { kind: 'liar', length: 'for_s' },
  quick: { kind: 'slow', length: 'for_s' },
  mend: { kind: 'cut', length: 'for_s' },
};

/** Seconds to the microsecond, as timelines count. */
export function micros(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

/**
 * The scenario in which a deed is done `at_s` seconds after the first submission. Null if it can't be: what it would end isn't there, or
 * holds others, too.
 */
export function withDeed(scenario: Scenario, deed: Deed, at_s: number): Scenario | null {
  const at = micros(Math.max(0, at_s));
  if (deed.name === 'write') return { ...scenario, write: [...(scenario.write ?? []), { at_s: at, node: deed.node }] };
  const make = FAULTS[deed.name];
  const faults = scenario.fault ?? [];
  if (make !== undefined) return { ...scenario, fault: [...faults, { ...make(deed), at_s: at }] };
  const place = endable(scenario, deed, at);
  if (place === null) return null;
  const length = ENDS[deed.name].length;
  const begun = Number(faults[place].at_s ?? 0);
  return { ...scenario, fault: faults.map((fault, index) => (index === place ? { ...fault, [length]: micros(at - begun) } : fault)) };
}

/** The last fault that a deed would end: one that is of this node or link alone, and lasts. Its place among the faults, or null. */
export function endable(scenario: Scenario, deed: Deed, at_s: number): number | null {
  const { kind, length } = ENDS[deed.name] ?? {};
  const faults = scenario.fault ?? [];
  for (let place = faults.length - 1; place >= 0; place--) {
    const fault = faults[place];
    if (fault.kind !== kind || typeof fault[length ?? ''] === 'number' || !(Number(fault.at_s ?? 0) < at_s)) continue;
    if (fault.kind === 'cut' ? isPair(fault.links, deed) : isAlone(fault.nodes, deed.node)) return place;
  }
  return null;
}

/** What a deed is, in a few words: a run's name. */
export function deedWords(deed: Deed): string {
  switch (deed.name) {
    case 'write':
      return `write at ${deed.node}`;
    case 'kill':
      return `kill ${deed.node}`;
    case 'revive':
      return `revive ${deed.node}`;
    case 'pause':
      return `pause ${deed.node}`;
    case 'lie':
      return `${deed.node} lies`;
    case 'truth':
      return `${deed.node} is honest`;
    case 'slow':
      return `${deed.node} is slow`;
    case 'quick':
      return `${deed.node} is quick`;
    case 'cut':
      return `cut ${deed.node}–${deed.other}`;
    case 'silence':
      return `silence ${deed.node}–${deed.other}`;
    case 'mend':
      return `mend ${deed.node}–${deed.other}`;
  }
}

/** Pairs with a node that are cut at a moment and could be mended: the nodes at the other ends. */
export function cutFrom(scenario: Scenario, node: number, at_s: number): number[] {
  const others = new Set<number>();
  for (const { kind, links } of scenario.fault ?? []) {
    if (kind !== 'cut' || !Array.isArray(links) || links.length !== 1) continue;
    const [a, b] = links[0] as [number, number];
    const other = a === node ? b : b === node ? a : null;
    if (other !== null && endable(scenario, { name: 'mend', node, other }, at_s) !== null) others.add(other);
  }
  return [...others].sort((a, b) => a - b);
}

/** The part of an address that replays a scenario. */
export function toLink(scenario: Scenario): string {
  return `lab=${encodeURIComponent(JSON.stringify(scenario))}`;
}

/** The scenario that an address' fragment has; null if it has none, a sentence if it isn't one. */
export function fromLink(hash: string): Scenario | string | null {
  const part = hash.replace(/^#/, '').split('&').find((one) => one.startsWith('lab='));
  if (part === undefined) return null;
  if (part.length > LINK_MAX) return 'The link is too long for a scenario.';
  try {
    return scenarioOf(JSON.parse(decodeURIComponent(part.slice(4)))) ?? 'The link has no scenario in it.';
  } catch {
    return 'The scenario in the link can’t be read: the link was cut off, perhaps.';
  }
}

/** Data as a scenario, as far as the page looks into it; the simulator checks the rest. Null if it is none. */
export function scenarioOf(data: unknown): Scenario | null {
  if (!isTable(data)) return null;
  for (const key of ['network', 'link', 'workload', 'params']) if (data[key] !== undefined && !isTable(data[key])) return null;
  const tables = (key: string): boolean => data[key] === undefined || (Array.isArray(data[key]) && data[key].every(isTable));
  return tables('fault') && tables('write') ? (data as Scenario) : null;
}

/** Whether something is a table: an object of JSON. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pairOf(deed: Deed): [number, number] {
  const other = 'other' in deed ? deed.other : deed.node;
  return [Math.min(deed.node, other), Math.max(deed.node, other)];
}

function isPair(links: unknown, deed: Deed): boolean {
  if (!Array.isArray(links) || links.length !== 1) return false;
  const [low, high] = pairOf(deed);
  const [a, b] = links[0] as [number, number];
  return Math.min(a, b) === low && Math.max(a, b) === high;
}

function isAlone(nodes: unknown, node: number): boolean {
  return Array.isArray(nodes) && nodes.length === 1 && nodes[0] === node;
}
