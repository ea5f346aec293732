/**
 * The codings of a column: raw bytes in, numbers out. Each reads exactly `rows` rows and says so if the bytes don't hold them.
 *
 * Numbers above 2⁵³ aren't exact in JavaScript; a timeline has none (2⁵³ µs are 285 years).
 */
import { TimelineError } from './types';

/** An array that numbers are written to. */
export type Numbers = Float64Array | Uint32Array | Uint16Array | Uint8Array;

/** A LEB128 of more bytes is broken. */
const LEB_MAX = 10;
const U32_MAX = 0xffffffff;

/** What reads one unsigned LEB128 after another. */
class Leb {
  at = 0;
  constructor(private readonly raw: Uint8Array) {}

  /** The next number. */
  next(): number {
    const raw = this.raw;
    let byte = raw[this.at++];
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    byte = raw[this.at++];
    value |= (byte & 0x7f) << 7;
    if (byte < 0x80) return value;
    byte = raw[this.at++];
    value |= (byte & 0x7f) << 14;
    if (byte < 0x80) return value;
    byte = raw[this.at++];
    value |= (byte & 0x7f) << 21;
    if (byte < 0x80) return value;
    return this.long(value);
  }

  private long(low: number): number {
    let value = low;
    let scale = 2 ** 28;
    for (let bytes = 4; bytes < LEB_MAX; bytes++) {
      const byte = this.raw[this.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    // Whoever reads past the end is found out by `end`.
    this.at = Number.POSITIVE_INFINITY;
    return 0;
  }
}

/** The number that a zigzag code means: 0, −1, 1, −2, … */
export function unzigzag(code: number): number {
  if (code < 0x80000000) return (code >>> 1) ^ -(code & 1);
  return code % 2 === 0 ? code / 2 : -(code + 1) / 2;
}

function checkEnd(at: number, raw: Uint8Array): void {
  if (at !== raw.length) throw new TimelineError('does not hold as many rows as the header says');
}

/**
 * Unsigned numbers, LEB128. What exceeds 2³² − 1 becomes that.
 *
 * Here and below, numbers of one and two bytes are read in the loop itself, and each loop writes one kind of array: columns have millions of
 * rows, and a call or a second kind of array would take twice the time.
 */
export function varints(raw: Uint8Array, rows: number, out: Uint32Array): void {
  const leb = new Leb(raw);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const low = raw[at];
    if (low < 0x80) {
      out[row] = low;
      at++;
      continue;
    }
    const high = raw[at + 1];
    if (high < 0x80) {
      out[row] = (low & 0x7f) | (high << 7);
      at += 2;
      continue;
    }
    leb.at = at;
    const value = leb.next();
    out[row] = value > U32_MAX ? U32_MAX : value;
    at = leb.at;
  }
  checkEnd(at, raw);
}

/** Unsigned numbers, LEB128, into numbers of up to 2⁵³. */
export function longVarints(raw: Uint8Array, rows: number, out: Float64Array): void {
  const leb = new Leb(raw);
  for (let row = 0; row < rows; row++) out[row] = leb.next();
  checkEnd(leb.at, raw);
}

/** Differences from the row before, zigzag LEB128; the first from 0. */
export function deltas(raw: Uint8Array, rows: number, out: Float64Array): void {
  const leb = new Leb(raw);
  let last = 0;
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const low = raw[at];
    if (low < 0x80) {
      last += (low >>> 1) ^ -(low & 1);
      at++;
    } else {
      leb.at = at;
      last += unzigzag(leb.next());
      at = leb.at;
    }
    out[row] = last;
  }
  checkEnd(at, raw);
}

/** The same, into numbers of 32 bits; those that aren't become 2³² − 1. */
export function shortDeltas(raw: Uint8Array, rows: number, out: Uint32Array): void {
  const leb = new Leb(raw);
  let last = 0;
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const low = raw[at];
    if (low < 0x80) {
      last += (low >>> 1) ^ -(low & 1);
      at++;
    } else {
      leb.at = at;
      last += unzigzag(leb.next());
      at = leb.at;
    }
    out[row] = last >= 0 && last <= U32_MAX ? last : U32_MAX;
  }
  checkEnd(at, raw);
}

/**
 * Differences from the last row with the same `end`, zigzag LEB128; the first from 0. `ends` is how many ends there are. What exceeds
 * 2³² − 1 becomes that.
 */
export function perEnd(raw: Uint8Array, rows: number, out: Uint32Array, end: Uint32Array, ends: number): void {
  const leb = new Leb(raw);
  const last = new Float64Array(ends);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    let code = raw[at];
    if (code < 0x80) at++;
    else {
      leb.at = at;
      code = leb.next();
      at = leb.at;
    }
    const value = last[end[row]] + unzigzag(code);
    last[end[row]] = value;
    out[row] = value > U32_MAX ? U32_MAX : value;
  }
  checkEnd(at, raw);
}

/** Two bytes a row, little end first, whatever the machine's order is. */
export function pairs(raw: Uint8Array, rows: number, out: Uint16Array): void {
  if (raw.length !== rows * 2) checkEnd(rows * 2, raw);
  for (let row = 0; row < rows; row++) out[row] = raw[row * 2] | (raw[row * 2 + 1] << 8);
}
