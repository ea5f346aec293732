/** A large run for measurements: a small made-up one, over and over, each time with new items and a little later. */
import type { Draft, Table } from './encode';
import { flood, type Wish } from './flood';
import { random } from './random';

/** What to make up: `wish.items` items, `copies` times, each `everyUs` µs after the last. */
export interface LargeWish extends Wish {
  copies: number;
  everyUs: number;
  /** Of the announcements, this share is kept, as if they left in batches. */
  announced: number;
}

const ANNOUNCE = 2;

/** Rows of a table, in the order of time, over all copies: which row of the small table, in which copy. */
function tiled(column: ArrayLike<number>, wish: LargeWish, keep: (row: number) => boolean): { row: Uint32Array; copy: Uint16Array; at: Float64Array } {
  const kept = Uint32Array.from({ length: column.length }, (_, row) => row).filter(keep);
  const count = kept.length * wish.copies;
  const at = new Float64Array(count);
  for (let copy = 0, to = 0; copy < wish.copies; copy++) for (const row of kept) at[to++] = column[row] + copy * wish.everyUs;
  // Copies are sorted each by itself: they are merged by sorting numbers that carry their place.
  const keys = at.map((time, place) => time * 2 ** 24 + place);
  keys.sort();
  const order = Uint32Array.from(keys, (key) => key % 2 ** 24);
  return {
    row: Uint32Array.from(order, (place) => kept[place % kept.length]),
    copy: Uint16Array.from(order, (place) => Math.floor(place / kept.length)),
    at: at.slice().sort(),
  };
}

/** The run. */
export function large(wish: LargeWish): Draft {
  const small = flood(wish);
  const draw = random(wish.seed + 1);
  const { messages, named, deliveries, items } = small.tables;
  const first: number[] = [0];
  for (let row = 0; row < messages.rows; row++) first.push(first[row] + messages.columns.count[row]);
  const dice = Float64Array.from({ length: messages.rows }, draw);
  const sent = tiled(messages.columns.sent, wish, (row) => messages.columns.kind[row] !== ANNOUNCE || dice[row] < wish.announced);
  const came = tiled(deliveries.columns.at, wish, () => true);
  const made = tiled(items.columns.at, wish, () => true);
  const pick = (column: ArrayLike<number>, rows: Uint32Array): Float64Array => Float64Array.from(rows, (row) => column[row]);
  // Items are numbered in the order in which they are made.
  const number = new Uint32Array(items.rows * wish.copies);
  made.row.forEach((row, place) => (number[made.copy[place] * items.rows + row] = place));
  const item: number[] = [];
  sent.row.forEach((row, place) => {
    for (let at = first[row]; at < first[row + 1]; at++) item.push(number[sent.copy[place] * items.rows + named.columns.item[at]]);
  });
  const columns = (table: Table, rows: Uint32Array): Table => Object.fromEntries(Object.entries(table).filter(([name]) => name !== 'hash').map(([name, column]) => [name, pick(column, rows)]));
  return {
    header: { ...small.header, end_us: small.header.end_us + (wish.copies - 1) * wish.everyUs },
    tables: {
      ...small.tables,
      items: { rows: made.row.length, columns: { ...columns(items.columns, made.row), at: made.at, hash: Uint8Array.from({ length: made.row.length * 8 }, () => draw() * 256) } },
      messages: { rows: sent.row.length, columns: { ...columns(messages.columns, sent.row), sent: sent.at } },
      named: { rows: item.length, columns: { item } },
      deliveries: {
        rows: came.row.length,
        columns: { ...columns(deliveries.columns, came.row), at: came.at, item: Float64Array.from(came.row, (row, place) => number[came.copy[place] * items.rows + deliveries.columns.item[row]]) },
      },
    },
  };
}
