/** A run in even windows of time: copies and queues over time. Pure. */
import { Fate, type Timeline } from '../timeline/types';
import { payloadKinds } from './figures';

/** A window with a smaller share than this of the mean window's deliveries has hardly any. A guess. */
const FEW = 0.25;

/** Middles of `windows` even windows from 0 to `end`, µs. */
export function middles(end: number, windows: number): Float64Array {
  return Float64Array.from({ length: windows }, (_, window) => ((window + 0.5) * end) / windows);
}

/**
 * Further copies of an item for each first delivery over the network, in each of `windows` windows from 0 to `end` (µs): whole items that
 * arrived in it, by the deliveries in it, less one. Null where hardly anything was delivered (a copy that is alone
 * says nothing), and where no messages were recorded.
 */
export function redundancyIn(timeline: Timeline, end: number, windows: number): (number | null)[] {
  const { messages, deliveries } = timeline;
  if (messages.rows === 0) return Array.from({ length: windows }, () => null);
  const isPayload = payloadKinds(timeline);
  const copies = new Float64Array(windows);
  const firsts = new Float64Array(windows);
  const windowOf = (at: number): number => Math.min(windows - 1, Math.max(0, Math.floor((at / end) * windows)));
  for (let row = 0; row < messages.rows; row++) {
    if (isPayload[messages.kind[row]] === 1 && messages.fate[row] === Fate.arrived) {
      copies[windowOf(messages.sent[row] + messages.took[row])] += messages.count[row];
    }
  }
  for (let row = 0; row < deliveries.rows; row++) if (deliveries.from[row] > 0) firsts[windowOf(deliveries.at[row])]++;
  const least = Math.max(1, (firsts.reduce((sum, count) => sum + count, 0) / windows) * FEW);
  // A copy that arrives at a window's end may be delivered in the next one.
  return Array.from(copies, (count, window) => (firsts[window] < least ? null : Math.max(0, count / firsts[window] - 1)));
}

/** What is said where a timeline was made of a run folder. */
export const NO_MESSAGES = 'No messages were recorded, only who had what when: a run folder has no more. sim --trace FILE records all.';

/** What is sampled of nodes. */
export type Queue = 'waiting' | 'asked' | 'queued';

/** How long queues were, in windows of time. */
export interface Lengths {
  /** Middles of the windows that have samples, µs. */
  at: number[];
  median: number[];
  /** 99 % of the samples were at most so long. */
  high: number[];
  most: number[];
  /** The node that had the longest queue of all, and when. */
  worst: { node: number; at: number; length: number } | null;
}

/** How long a queue was over time: the samples of each window together. At most `windows` of them, and no more than moments of sampling. */
export function lengthsOf(timeline: Timeline, queue: Queue, end: number, windows: number): Lengths {
  const { samples } = timeline;
  const column = samples[queue];
  const found: Lengths = { at: [], median: [], high: [], most: [], worst: null };
  let row = 0;
  for (let window = 0; window < windows && row < samples.rows; window++) {
    const until = ((window + 1) * end) / windows;
    const from = row;
    while (row < samples.rows && (samples.at[row] < until || window === windows - 1)) row++;
    if (row === from) continue;
    const sorted = column.slice(from, row).sort();
    found.at.push(samples.at[(from + row) >>> 1]);
    found.median.push(sorted[(sorted.length - 1) >>> 1]);
    found.high.push(sorted[Math.max(0, Math.ceil(0.99 * sorted.length) - 1)]);
    found.most.push(sorted[sorted.length - 1]);
    for (let at = from; at < row; at++) {
      if (column[at] > (found.worst?.length ?? 0)) found.worst = { node: samples.node[at], at: samples.at[at], length: column[at] };
    }
  }
  return found;
}
