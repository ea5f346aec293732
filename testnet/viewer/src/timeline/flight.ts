/**
 * Which messages are on their way at a moment.
 *
 * Messages stand in the order of sending, but arrive in any. Over each 64 of them, and each 64 of those, the latest arrival is kept: a
 * search goes down only where somebody still travels, so it costs about as much as it finds, whatever the moment.
 */
import { after } from './search';
import { Fate, type Messages } from './types';

const FAN = 64;

/** When a message stops being on its way, µs: it arrives, or (lost, or its link went) is given `lostFor` µs to be seen leaving. */
export function endOf(messages: Messages, row: number, lostFor: number, end: number): number {
  const fate = messages.fate[row];
  if (fate === Fate.arrived) return messages.sent[row] + messages.took[row];
  return fate === Fate.underWay ? end : messages.sent[row] + lostFor;
}

/** Answers which messages are on their way. */
export class Flight {
  private readonly low: Float64Array;
  private readonly high: Float64Array;

  /** `lostFor`: µs for which a lost message is shown; `end`: the end of the timeline, µs. */
  constructor(
    private readonly messages: Messages,
    private readonly lostFor: number,
    private readonly end: number,
  ) {
    this.low = new Float64Array(Math.ceil(messages.rows / FAN));
    this.high = new Float64Array(Math.ceil(this.low.length / FAN));
    for (let row = 0; row < messages.rows; row++) {
      const until = this.until(row);
      const block = (row / FAN) | 0;
      if (until > this.low[block]) this.low[block] = until;
    }
    for (let block = 0; block < this.low.length; block++) {
      const above = (block / FAN) | 0;
      if (this.low[block] > this.high[above]) this.high[above] = this.low[block];
    }
  }

  /** When a message stops being on its way, µs. */
  until(row: number): number {
    return endOf(this.messages, row, this.lostFor, this.end);
  }

  /** Calls `visit` for each message with sent ≤ t < until, in the order of sending; ends early if it says `false`. */
  at(t: number, visit: (row: number) => unknown): void {
    const sent = after(this.messages.sent, t);
    for (let high = 0; high * FAN * FAN < sent; high++) {
      if (this.high[high] <= t) continue;
      const lastLow = Math.min((high + 1) * FAN, this.low.length);
      for (let low = high * FAN; low < lastLow && low * FAN < sent; low++) {
        if (this.low[low] <= t) continue;
        const last = Math.min((low + 1) * FAN, sent);
        for (let row = low * FAN; row < last; row++) {
          if (this.until(row) > t && visit(row) === false) return;
        }
      }
    }
  }
}
