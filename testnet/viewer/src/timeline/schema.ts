/** The tables of a timeline, version 1: which columns each has, and the typed array that a column becomes. */

/** What a column is once it is read: `f64` times, `u32` numbers, `u16` coordinates, `u8` small codes, `bytes8` eight raw bytes a row. */
export type Shape = 'f64' | 'u32' | 'u16' | 'u8' | 'bytes8';

/** Table by table. Tables and columns that a file has beyond these are left aside. */
export const SCHEMA = {
  nodes: { x: 'u16', y: 'u16', map_x: 'u16', map_y: 'u16', region: 'u32' },
  links: { from: 'u32', to: 'u32', up: 'f64', down: 'f64' },
  items: { kind: 'u8', hash: 'bytes8', size: 'u32', origin: 'u32', at: 'f64' },
  messages: { sent: 'f64', end: 'u32', kind: 'u8', bytes: 'u32', took: 'u32', fate: 'u8', count: 'u32' },
  named: { item: 'u32' },
  deliveries: { at: 'f64', node: 'u32', item: 'u32', from: 'u32' },
  states: { at: 'f64', node: 'u32', state: 'u8' },
  samples: { at: 'f64', node: 'u32', waiting: 'u32', asked: 'u32', queued: 'u32' },
} as const satisfies Record<string, Record<string, Shape>>;

/** The name of a table. */
export type TableName = keyof typeof SCHEMA;

/** Most rows of a table: a table of so many 8-byte times takes 1 GiB, more than a browser gives. */
export const ROWS_MAX = 1 << 27;

/** Most bytes of a header once inflated: a manifest, the names of 4 M nodes. A guess. */
export const HEADER_MAX = 64 << 20;

/** Most bytes of a row in any coding: a LEB128 of 64 bits. */
export const ROW_BYTES_MAX = 10;
