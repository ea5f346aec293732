/** Binary search in columns that grow. */

/** Any column. */
export type Column = Float64Array | Uint32Array;

/** How many of `column[from..to]` are at most `value`, plus `from`: the first row after it. */
export function after(column: Column, value: number, from = 0, to = column.length): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (column[middle] <= value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The first row of `column[from..to]` that is at least `value`, or `to`. */
export function atOrAfter(column: Column, value: number, from = 0, to = column.length): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (column[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
