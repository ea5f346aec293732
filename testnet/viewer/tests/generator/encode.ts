/** Writes the file of a timeline, for tests: the reverse of src/timeline/decode.ts. */
import { deflateRawSync } from 'node:zlib';
import { SCHEMA, type TableName } from '../../src/timeline/schema';
import type { Header, StoredColumn, StoredTable } from '../../src/timeline/types';

/** Columns of one table, as plain numbers; `hash` has eight bytes a row. */
export type Table = Record<string, ArrayLike<number>>;

/** All of a run, before it is written. */
export interface Draft {
  header: Omit<Header, 'tables'>;
  tables: Record<TableName, { rows: number; columns: Table }>;
}

/** The coding that each column has in version 1. */
const CODINGS: Record<string, string> = {
  'nodes.x': 'u16', 'nodes.y': 'u16', 'nodes.map_x': 'u16', 'nodes.map_y': 'u16', 'nodes.region': 'varint',
  'links.from': 'varint', 'links.to': 'varint', 'links.up': 'delta', 'links.down': 'varint',
  'items.kind': 'u8', 'items.hash': 'bytes8', 'items.size': 'varint', 'items.origin': 'varint', 'items.at': 'delta',
  'messages.sent': 'delta', 'messages.end': 'varint', 'messages.kind': 'u8', 'messages.bytes': 'varint',
  'messages.took': 'per-end', 'messages.fate': 'u8', 'messages.count': 'varint',
  'named.item': 'delta',
  'deliveries.at': 'delta', 'deliveries.node': 'varint', 'deliveries.item': 'varint', 'deliveries.from': 'varint',
  'states.at': 'delta', 'states.node': 'varint', 'states.state': 'u8',
  'samples.at': 'delta', 'samples.node': 'varint', 'samples.waiting': 'varint', 'samples.asked': 'varint', 'samples.queued': 'varint',
};

/** Bytes that grow. */
class Bytes {
  private room = new Uint8Array(1 << 12);
  private at = 0;

  push(byte: number): void {
    if (this.at === this.room.length) {
      const wider = new Uint8Array(this.room.length * 2);
      wider.set(this.room);
      this.room = wider;
    }
    this.room[this.at++] = byte;
  }

  leb(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.push(rest);
  }

  zigzag(value: number): void {
    this.leb(value < 0 ? -value * 2 - 1 : value * 2);
  }

  taken(): Uint8Array {
    return this.room.slice(0, this.at);
  }
}

function coded(coding: string, values: ArrayLike<number>, end: ArrayLike<number> | undefined): Uint8Array {
  if (coding === 'u8' || coding === 'bytes8') return Uint8Array.from(values);
  const out = new Bytes();
  const last = new Map<number, number>();
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (coding === 'u16') {
      out.push(value & 255);
      out.push(value >> 8);
    } else if (coding === 'varint') out.leb(value);
    else {
      const key = coding === 'per-end' && end !== undefined ? end[row] : 0;
      out.zigzag(value - (last.get(key) ?? 0));
      last.set(key, value);
    }
  }
  return out.taken();
}

/** The file. `change` may change the header before it is written, to make bad files. */
export function encode(draft: Draft, change: (header: Header) => void = () => undefined): Uint8Array {
  const columns: Uint8Array[] = [];
  let offset = 0;
  const tables: Record<string, StoredTable> = {};
  for (const name of Object.keys(SCHEMA) as TableName[]) {
    const table = draft.tables[name];
    const stored: Record<string, StoredColumn> = {};
    for (const column of Object.keys(SCHEMA[name])) {
      const coding = CODINGS[`${name}.${column}`];
      const raw = coded(coding, table.columns[column], table.columns.end);
      const bytes = deflateRawSync(raw);
      stored[column] = { offset, length: bytes.length, raw: raw.length, coding };
      offset += bytes.length;
      columns.push(bytes);
    }
    tables[name] = { rows: table.rows, columns: stored };
  }
  const header: Header = { ...draft.header, tables };
  change(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const deflated = deflateRawSync(text);
  const preamble = new Uint8Array(20);
  preamble.set(new TextEncoder().encode('TIDINGTL'));
  const view = new DataView(preamble.buffer);
  view.setUint32(8, 1, true);
  view.setUint32(12, deflated.length, true);
  view.setUint32(16, text.length, true);
  return new Uint8Array(Buffer.concat([preamble, deflated, ...columns]));
}
