/** The figures of a run by which strategies are compared. Their meanings are those of a run's summary.json. */
import { ageAt, agesOf, liveCount } from './ages';
import { Fate, type Timeline } from '../timeline/types';
import type { Model } from '../timeline/model';

/** Times, cost and coverage of one run. */
export interface Figures {
  /** µs until the median item had reached 50, 90, 99 % of the nodes; Infinity if it never did. */
  t50: number;
  t90: number;
  t99: number;
  /** Share (0 to 1) of all pairs of item and node. */
  coverage: number;
  /** Further copies of an item that a node got; null if nobody got any over the network. */
  redundancy: number | null;
  /** Bytes of all messages sent. */
  bytes: number;
  /** Bytes sent per node and byte of an item. */
  bytesPerByte: number | null;
}

/** Shares whose times are told. */
export const SHARES = [0.5, 0.9, 0.99] as const;
/** Kinds of message that carry whole items. */
const PAYLOAD_KINDS = ['tx', 'block'];

const kept = new WeakMap<Model, Figures>();

/** The figures of a run over all its items. */
export function figuresOf(model: Model): Figures {
  let figures = kept.get(model);
  if (figures === undefined) {
    figures = compute(model);
    kept.set(model, figures);
  }
  return figures;
}

/** When one item had reached 50, 90 and 99 % of the nodes, µs after it was made. */
export function timesOf(model: Model, item: number): number[] {
  const ages = agesOf(model, item);
  return SHARES.map((share) => ageAt(ages, share));
}

/** The items that took longest until 99 % of the nodes had them; those that never got there first; at most `most`. */
export function slowestItems(model: Model, most: number): { item: number; took: number }[] {
  const took = Array.from({ length: model.timeline.items.rows }, (_, item) => ({ item, took: timesOf(model, item)[2] }));
  took.sort((a, b) => (a.took === b.took ? a.item - b.item : b.took - a.took));
  return took.slice(0, most);
}

function compute(model: Model): Figures {
  const { timeline } = model;
  const times: number[][] = SHARES.map(() => []);
  for (let item = 0; item < timeline.items.rows; item++) timesOf(model, item).forEach((time, index) => times[index].push(time));
  const [t50, t90, t99] = times.map(median);
  const all = agesOf(model, null);
  const bytes = timeline.messages.bytes.reduce((sum, size) => sum + size, 0);
  const payload = timeline.items.size.reduce((sum, size) => sum + size, 0) * liveCount(model);
  const copies = totals(timeline);
  return {
    t50,
    t90,
    t99,
    coverage: all.expected === 0 ? 0 : all.sorted.length / all.expected,
    redundancy: copies.deliveries === 0 || copies.copies === 0 ? null : copies.copies / copies.deliveries - 1,
    bytes,
    bytesPerByte: payload === 0 ? null : bytes / payload,
  };
}

function totals(timeline: Timeline): { copies: number; deliveries: number } {
  const { messages, deliveries } = timeline;
  const isPayload = payloadKinds(timeline);
  let copies = 0;
  for (let row = 0; row < messages.rows; row++) {
    if (isPayload[messages.kind[row]] === 1 && messages.fate[row] === Fate.arrived) copies += messages.count[row];
  }
  return { copies, deliveries: deliveries.from.reduce((sum, from) => sum + Number(from > 0), 0) };
}

/** For each kind of a timeline: 1 if it carries whole items. */
export function payloadKinds(timeline: Timeline): Uint8Array {
  return Uint8Array.from(timeline.header.kinds, (kind) => Number(PAYLOAD_KINDS.includes(kind)));
}

function median(numbers: readonly number[]): number {
  if (numbers.length === 0) return Number.POSITIVE_INFINITY;
  return Float64Array.from(numbers).sort()[(numbers.length - 1) >>> 1];
}
