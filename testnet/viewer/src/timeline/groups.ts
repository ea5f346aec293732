/** Rows put into groups by a counting sort: within a group they keep their order, which is that of time. */

/** Which rows each group has. */
export interface Groups {
  /** Where each group begins in `rows` (one more than there are groups). */
  start: Uint32Array;
  /** The rows, group by group. */
  rows: Uint32Array;
}

/** Groups rows 0 to `rows` by what `of` says, 0 to `groups`; a negative group leaves a row out. */
export function groupBy(rows: number, groups: number, of: (row: number) => number): Groups {
  const start = new Uint32Array(groups + 1);
  for (let row = 0; row < rows; row++) {
    const group = of(row);
    if (group >= 0) start[group + 1]++;
  }
  for (let group = 0; group < groups; group++) start[group + 1] += start[group];
  const next = start.slice(0, groups);
  const sorted = new Uint32Array(start[groups]);
  for (let row = 0; row < rows; row++) {
    const group = of(row);
    if (group >= 0) sorted[next[group]++] = row;
  }
  return { start, rows: sorted };
}

/** The rows of one group, as a view. */
export function rowsOf(groups: Groups, group: number): Uint32Array {
  return groups.rows.subarray(groups.start[group], groups.start[group + 1]);
}

/** How many rows of a group come at or before `t` by `time`. */
export function countUntil(groups: Groups, group: number, time: Float64Array, t: number): number {
  let from = groups.start[group];
  let to = groups.start[group + 1];
  const first = from;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (time[groups.rows[middle]] <= t) from = middle + 1;
    else to = middle;
  }
  return from - first;
}

/** A function that computes its value once, when it is first asked for it. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** A function of a number that keeps the values of the last `most` arguments. */
export function remember<T>(most: number, make: (key: number) => T): (key: number) => T {
  const kept = new Map<number, T>();
  return (key) => {
    const found = kept.get(key);
    if (found !== undefined) return found;
    const value = make(key);
    if (kept.size >= most) kept.delete(kept.keys().next().value as number);
    kept.set(key, value);
    return value;
  };
}
