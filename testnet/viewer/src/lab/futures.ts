/** Two futures of one run: until when they are the same, and what became of them, in sentences. */
import { agesOf, ageAt } from '../panes/ages';
import { figuresOf } from '../panes/figures';
import { sameItem } from '../panes/compared';
import { share, time } from '../format';
import type { Run } from '../store';
import type { Timeline } from '../timeline/types';

/** The mark of the moment from which a scenario's moments count. */
const FIRST = 'first submission';

/** When a run's scenario begins to count, µs of its timeline. */
export function firstOf(timeline: Timeline): number {
  return timeline.header.marks.find(({ text }) => text === FIRST)?.at_us ?? 0;
}

/** A moment of a timeline (µs) as scenarios count: seconds after the first submission, to the microsecond, and not before. */
export function secondsAt(timeline: Timeline, t: number): number {
  return Math.max(0, Math.round(t - firstOf(timeline))) / 1e6;
}

/** How many messages and deliveries before `t` (µs) two runs have in common, and whether these are all that either has before it. */
export function sharedUntil(a: Timeline, b: Timeline, t: number): { events: number; isAll: boolean } {
  let events = 0;
  let isAll = true;
  const rows = (one: { at: Float64Array; rows: number }): number => {
    let row = 0;
    while (row < one.rows && one.at[row] < t) row++;
    return row;
  };
  for (const [at, columns] of [
    ['sent', ['sent', 'end', 'kind', 'bytes']],
    ['at', ['at', 'node', 'item', 'from']],
  ] as const) {
    const table = (timeline: Timeline): Record<string, Float64Array> & { rows: number } =>
      (at === 'sent' ? timeline.messages : timeline.deliveries) as unknown as Record<string, Float64Array> & { rows: number };
    const [own, other] = [table(a), table(b)];
    const [until, theirs] = [own, other].map((one) => rows({ at: one[at], rows: one.rows }));
    isAll &&= until === theirs;
    for (let row = 0; row < Math.min(until, theirs); row++) {
      if (columns.every((column) => own[column][row] === other[column][row])) events++;
      else isAll = false;
    }
  }
  return { events, isAll };
}

/** What an item, or all of them, came to in one of two futures. */
interface Outcome {
  t50: number;
  t99: number;
  coverage: number;
}

function outcome(run: Run, item: number | null): Outcome {
  if (item === null) return figuresOf(run.model);
  const ages = agesOf(run.model, item);
  return { t50: ageAt(ages, 0.5), t99: ageAt(ages, 0.99), coverage: ages.expected === 0 ? 0 : ages.sorted.length / ages.expected };
}

/** The item that a run has at `t` µs from a node, made by whoever wrote it; null if there is none. */
export function writtenItem(timeline: Timeline, node: number, t: number): number | null {
  const { items } = timeline;
  for (let item = items.rows - 1; item >= 0; item--) {
    if (items.origin[item] === node + 1 && Math.abs(items.at[item] - t) < 2) return item;
  }
  return null;
}

/** What became different, in sentences: of the chosen item if both have it, and of all. `written` is an item that only the later run has. */
export function difference(before: Run, after: Run, item: number | null, written: number | null): string[] {
  const said: string[] = [];
  if (written !== null) {
    const own = outcome(after, written);
    said.push(`The new transaction, item ${written}, reaches 50 % of the nodes after ${time(own.t50)}, 99 % after ${time(own.t99)}, and ${share(own.coverage)} in all.`);
  }
  if (item !== null && item !== written && item < before.timeline.items.rows) {
    const theirs = sameItem(before, item, after);
    if (theirs !== null) said.push(changed(`Item ${item}`, outcome(before, item), outcome(after, theirs)));
  }
  said.push(changed('The median item', outcome(before, null), outcome(after, null)));
  return said;
}

function changed(what: string, before: Outcome, after: Outcome): string {
  const parts: string[] = [];
  const differs = (a: number, b: number): boolean => time(a) !== time(b);
  if (differs(before.t50, after.t50)) parts.push(`reaches 50 % after ${time(after.t50)} instead of ${time(before.t50)}`);
  if (differs(before.t99, after.t99)) parts.push(`reaches 99 % after ${time(after.t99)} instead of ${time(before.t99)}`);
  const isAll = what === 'The median item';
  if (share(before.coverage) !== share(after.coverage)) parts.push(`${isAll ? 'and of all pairs of item and node ' : 'and comes to '}${share(after.coverage)} ${isAll ? 'come about ' : ''}instead of ${share(before.coverage)}`);
  if (parts.length === 0) return `${what} takes as long as before: 50 % after ${time(before.t50)}, 99 % after ${time(before.t99)}.`;
  return `${what} ${parts.join(', ')}.`;
}
