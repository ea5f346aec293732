/**
 * Reads the file of a timeline. Nothing in it is believed: sizes are bounded before memory is asked for, what one table says of another
 * is checked, and a file that can't be shown gives a {@link TimelineError} whose sentence says what was wrong and what to do.
 */
import { deltas, longVarints, pairs, perEnd, shortDeltas, varints, type Numbers } from './codings';
import { headerOf } from './header';
import { inflate } from './inflate';
import { HEADER_MAX, ROWS_MAX, ROW_BYTES_MAX, SCHEMA, type Shape, type TableName } from './schema';
import { TimelineError, type Header, type StoredColumn, type StoredTable, type Timeline } from './types';
import { check, largest } from './validate';

/** The first eight bytes of a timeline. */
export const MAGIC = 'TIDINGTL';
/** The version that this page reads. */
export const VERSION = 1;
const PREAMBLE = 20;
const U32_MAX = 0xffffffff;
/** Deflate makes at most 1,032 bytes of one (RFC 1951: 258 bytes for two bits and a little). So a small file asks for little memory. */
const DEFLATE_RATIO_MAX = 1032;

/** What reads a file; throws a {@link TimelineError} if there is no timeline in it. */
export async function decode(bytes: Uint8Array): Promise<Timeline> {
  const { header, body } = await readHeader(bytes);
  const stored = storedTables(header);
  const ends = 2 * stored.links.rows;
  const inflated = await Promise.all(
    Object.entries(stored).flatMap(([table, { rows, columns }]) =>
      Object.entries(columns).map(async ([name, column]) => ({ key: `${table}.${name}`, raw: await columnBytes(body, `${table}.${name}`, rows, column) })),
    ),
  );
  const raws = new Map(inflated.map(({ key, raw }) => [key, raw]));
  const timeline = { header } as Record<string, unknown>;
  for (const [name, { rows, columns }] of Object.entries(stored)) {
    const table: Record<string, unknown> = { rows };
    // `per-end` needs the ends, so they are read first.
    const order = Object.keys(columns).sort((a, b) => Number(columns[a].coding === 'per-end') - Number(columns[b].coding === 'per-end'));
    for (const column of order) {
      const key = `${name}.${column}`;
      const shape = (SCHEMA[name as TableName] as Record<string, Shape>)[column];
      table[column] = numbers(key, raws.get(key) as Uint8Array, rows, columns[column].coding, shape, table.end as Uint32Array | undefined, ends);
      raws.delete(key);
    }
    timeline[name] = table;
  }
  const read = timeline as unknown as Timeline;
  read.messages.first = prefixSums(read.messages.count);
  check(read);
  return read;
}

async function readHeader(bytes: Uint8Array): Promise<{ header: Header; body: Uint8Array }> {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    throw new TimelineError('This file is no timeline of Tidings. Make one with: tidings-testnet sim --trace FILE');
  }
  if (bytes.length < PREAMBLE) throw cut();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(8, true);
  if (version !== VERSION) {
    throw new TimelineError(
      `This timeline has version ${version}, and this page reads version ${VERSION}. Open it with the tidings-testnet that wrote it.`,
    );
  }
  const length = view.getUint32(12, true);
  const raw = view.getUint32(16, true);
  if (raw > HEADER_MAX) throw broken('its header is too long');
  if (PREAMBLE + length > bytes.length) throw cut();
  const text = new TextDecoder().decode(await inflate(bytes.subarray(PREAMBLE, PREAMBLE + length), raw, 'the header'));
  return { header: headerOf(text), body: bytes.subarray(PREAMBLE + length) };
}

/** The tables that the page reads, each with all its columns. */
function storedTables(header: Header): Record<TableName, StoredTable> {
  const found: Partial<Record<TableName, StoredTable>> = {};
  for (const name of Object.keys(SCHEMA) as TableName[]) {
    const table = header.tables[name];
    if (table === undefined) throw broken(`it has no table "${name}"`);
    if (!isCount(table.rows, ROWS_MAX)) throw broken(`the table "${name}" has ${table.rows} rows, and ${ROWS_MAX} are the most`);
    const columns: Record<string, StoredColumn> = {};
    for (const column of Object.keys(SCHEMA[name])) {
      const place = table.columns?.[column];
      if (place === undefined) throw broken(`the table "${name}" has no column "${column}"`);
      columns[column] = place;
    }
    found[name] = { rows: table.rows, columns };
  }
  return found as Record<TableName, StoredTable>;
}

async function columnBytes(body: Uint8Array, key: string, rows: number, column: StoredColumn): Promise<Uint8Array> {
  const { offset, length, raw } = column;
  if (!isCount(raw, rows * ROW_BYTES_MAX) || !isCount(offset, Number.MAX_SAFE_INTEGER) || !isCount(length, Number.MAX_SAFE_INTEGER)) {
    throw broken(`the size of column "${key}" makes no sense`);
  }
  if (offset + length > body.length) throw cut();
  if (raw < rows || raw > length * DEFLATE_RATIO_MAX) throw broken(`the size of column "${key}" makes no sense`);
  return inflate(body.subarray(offset, offset + length), raw, `the column "${key}"`);
}

function numbers(
  key: string,
  raw: Uint8Array,
  rows: number,
  coding: string,
  shape: Shape,
  end: Uint32Array | undefined,
  ends: number,
): Numbers {
  if (shape === 'bytes8' || coding === 'bytes8') {
    if (shape !== coding || raw.length !== rows * 8) throw broken(`the column "${key}" does not hold eight bytes a row`);
    return raw;
  }
  try {
    return coded(raw, rows, coding, shape, end, ends);
  } catch (error) {
    if (error instanceof TimelineError) throw broken(`the column "${key}" ${error.message}`);
    throw error;
  }
}

/** A column by its coding. A shape that a coding doesn't have anyway is made of what it has. */
function coded(raw: Uint8Array, rows: number, coding: string, shape: Shape, end: Uint32Array | undefined, ends: number): Numbers {
  if (coding === 'u8' && raw.length === rows) return shape === 'u8' ? raw : shaped(raw, shape);
  if (coding === 'u16') {
    const out = new Uint16Array(rows);
    pairs(raw, rows, out);
    return shaped(out, shape);
  }
  if (coding === 'varint' && shape === 'f64') {
    const out = new Float64Array(rows);
    longVarints(raw, rows, out);
    return out;
  }
  if (coding === 'varint') {
    const out = new Uint32Array(rows);
    varints(raw, rows, out);
    return shaped(out, shape);
  }
  if (coding === 'delta' && shape === 'u32') {
    const out = new Uint32Array(rows);
    shortDeltas(raw, rows, out);
    return out;
  }
  if (coding === 'delta') {
    const out = new Float64Array(rows);
    deltas(raw, rows, out);
    return shaped(out, shape);
  }
  if (coding === 'per-end' && end !== undefined) {
    if (largest(end) >= ends && rows > 0) throw new TimelineError('names a link that there is not');
    const out = new Uint32Array(rows);
    perEnd(raw, rows, out, end, ends);
    return shaped(out, shape);
  }
  throw new TimelineError(`is coded as "${coding}", which this page can't read`);
}

/** The same numbers in another kind of array; what has no room there becomes the most that has. */
function shaped(from: Numbers, shape: Shape): Numbers {
  if (shape === 'f64') return from instanceof Float64Array ? from : Float64Array.from(from);
  if (shape === 'u32') return from instanceof Uint32Array ? from : Uint32Array.from(from, (one) => Math.min(U32_MAX, Math.max(0, one)));
  if (shape === 'u16') return from instanceof Uint16Array ? from : Uint16Array.from(from, (one) => Math.min(0xffff, Math.max(0, one)));
  return from instanceof Uint8Array ? from : Uint8Array.from(from, (one) => Math.min(0xff, Math.max(0, one)));
}

/** Sums of all counts before each row, and the whole at the end. */
export function prefixSums(counts: Uint32Array): Uint32Array {
  const sums = new Uint32Array(counts.length + 1);
  let sum = 0;
  for (let row = 0; row < counts.length; row++) {
    sum += counts[row];
    sums[row + 1] = sum;
  }
  return sums;
}

function isCount(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most;
}

function cut(): TimelineError {
  return new TimelineError('This timeline is cut: the file ends before its last column. Copy it again, or wait until it is written.');
}

function broken(what: string): TimelineError {
  return new TimelineError(`This timeline can't be read: ${what}. Make it anew, or open it with the tidings-testnet that wrote it.`);
}
