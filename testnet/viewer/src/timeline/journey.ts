/** The way of one item through the network: when each node heard of it, asked for it and had it, by whom, and in which messages. */
import { familiesOf, FAMILIES } from './families';
import { once, remember, rowsOf, type Groups, groupBy } from './groups';
import { after } from './search';
import { Fate, type Timeline } from './types';

/** When each node reached each stage, µs by node; Infinity = never. */
export interface Stages {
  /** The first announcement of it arrived. */
  heard: Float64Array;
  /** It first asked for it. */
  asked: Float64Array;
  /** It accepted it. */
  has: Float64Array;
}

/** Who had an item from whom. */
export interface Tree {
  /** By node: the node that it had the item from; −1 if it never had it, −2 if it made it or had it in a block. */
  parent: Int32Array;
  /** By node: how many hops from where it was made; −1 if it never had it. */
  hops: Int32Array;
}

/** A parent of {@link Tree}: never delivered. */
export const NEVER = -1;
/** A parent of {@link Tree}: its own, or in a block. */
export const OWN = -2;

/** Items of which the answers are kept: each takes some 8 bytes a node. */
const KEPT_ITEMS = 64;

/** Answers about one item at a time. */
export class Journeys {
  /** Rows of `deliveries` by item. */
  readonly deliveries: () => Groups;
  /** Rows of `messages` that name or carry an item, in order. */
  readonly messages: (item: number) => Uint32Array;
  /** When each node first had an item, µs by node; Infinity = never. */
  readonly firstAt: (item: number) => Float64Array;
  /** The same, for each stage. */
  readonly stages: (item: number) => Stages;
  /** Who had it from whom. */
  readonly tree: (item: number) => Tree;
  /** All moments at which something happens to an item, µs, in order, each once. */
  readonly moments: (item: number) => Float64Array;

  constructor(private readonly timeline: Timeline) {
    const { deliveries, items } = timeline;
    this.deliveries = once(() => groupBy(deliveries.rows, items.rows, (row) => deliveries.item[row]));
    this.messages = remember(KEPT_ITEMS, (item) => messagesOf(timeline, item));
    this.firstAt = remember(KEPT_ITEMS, (item) => this.computeFirstAt(item));
    this.stages = remember(KEPT_ITEMS, (item) => this.computeStages(item));
    this.tree = remember(KEPT_ITEMS, (item) => this.computeTree(item));
    this.moments = remember(KEPT_ITEMS, (item) => this.computeMoments(item));
  }

  private computeFirstAt(item: number): Float64Array {
    const { deliveries, nodes } = this.timeline;
    const first = new Float64Array(nodes.rows).fill(Number.POSITIVE_INFINITY);
    for (const row of rowsOf(this.deliveries(), item)) {
      const node = deliveries.node[row];
      if (deliveries.at[row] < first[node]) first[node] = deliveries.at[row];
    }
    return first;
  }

  private computeStages(item: number): Stages {
    const { messages, links, nodes, header } = this.timeline;
    const family = familiesOf(header.kinds);
    const announcement = FAMILIES.indexOf('announcement');
    const request = FAMILIES.indexOf('request');
    const heard = new Float64Array(nodes.rows).fill(Number.POSITIVE_INFINITY);
    const asked = heard.slice();
    for (const row of this.messages(item)) {
      const link = messages.end[row] >>> 1;
      const [sender, receiver] = messages.end[row] & 1 ? [links.to[link], links.from[link]] : [links.from[link], links.to[link]];
      if (family[messages.kind[row]] === announcement && messages.fate[row] === Fate.arrived) {
        heard[receiver] = Math.min(heard[receiver], messages.sent[row] + messages.took[row]);
      } else if (family[messages.kind[row]] === request) {
        asked[sender] = Math.min(asked[sender], messages.sent[row]);
      }
    }
    return { heard, asked, has: this.firstAt(item) };
  }

  private computeTree(item: number): Tree {
    const { deliveries, links, nodes } = this.timeline;
    const parent = new Int32Array(nodes.rows).fill(NEVER);
    const hops = new Int32Array(nodes.rows).fill(NEVER);
    for (const row of rowsOf(this.deliveries(), item)) {
      const node = deliveries.node[row];
      if (parent[node] !== NEVER) continue;
      const end = deliveries.from[row] - 1;
      if (end < 0) {
        parent[node] = OWN;
        hops[node] = 0;
      } else {
        const sender = end & 1 ? links.to[end >>> 1] : links.from[end >>> 1];
        parent[node] = sender;
        hops[node] = Math.max(0, hops[sender]) + 1;
      }
    }
    return { parent, hops };
  }

  private computeMoments(item: number): Float64Array {
    const { messages, deliveries, items } = this.timeline;
    const moments = [items.at[item]];
    for (const row of this.messages(item)) {
      moments.push(messages.sent[row]);
      if (messages.fate[row] === Fate.arrived) moments.push(messages.sent[row] + messages.took[row]);
    }
    for (const row of rowsOf(this.deliveries(), item)) moments.push(deliveries.at[row]);
    const sorted = Float64Array.from(moments).sort();
    return sorted.filter((moment, index) => index === 0 || moment !== sorted[index - 1]);
  }
}

/**
 * Looks through all that messages name: some milliseconds for five million, which is less than an index of all items would take for the
 * few that are ever looked at.
 */
function messagesOf(timeline: Timeline, item: number): Uint32Array {
  const { messages, named } = timeline;
  const names = named.item;
  const rows: number[] = [];
  for (let at = 0; at < names.length; at++) {
    if (names[at] !== item) continue;
    const row = after(messages.first, at) - 1;
    if (rows[rows.length - 1] !== row) rows.push(row);
  }
  return Uint32Array.from(rows);
}
