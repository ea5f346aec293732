/** Moments to go to: the event before and after, a round, the time at which a share of the nodes had something. */
import { Flight } from './flight';
import { Journeys } from './journey';
import { after, atOrAfter, type Column } from './search';
import { Fate, type Timeline } from './types';

/** A round if no message arrived: a tenth of a second. A guess. */
const ROUND_DEFAULT = 100_000;
/** How many messages the median latency is taken of. */
const SAMPLE = 65_536;

/** The median time that messages took, µs, of an even sample of those that arrived. It is what a round is here. */
export function medianLatency(timeline: Timeline): number {
  const { messages } = timeline;
  const stride = Math.max(1, Math.floor(messages.rows / SAMPLE));
  const taken: number[] = [];
  for (let row = 0; row < messages.rows; row += stride) {
    if (messages.fate[row] === Fate.arrived && messages.took[row] > 0) taken.push(messages.took[row]);
  }
  if (taken.length === 0) return ROUND_DEFAULT;
  return Float64Array.from(taken).sort()[taken.length >>> 1];
}

/** Answers where to go. Without an item, every event counts; with one, only what happens to it. */
export class Moments {
  constructor(
    private readonly timeline: Timeline,
    private readonly flight: () => Flight,
    private readonly journeys: Journeys,
  ) {}

  /** The first event after `t`, µs; the end if there is none. */
  next(t: number, item: number | null): number {
    const end = this.timeline.header.end_us;
    if (item !== null) {
      const moments = this.journeys.moments(item);
      const at = after(moments, t);
      return at < moments.length ? moments[at] : end;
    }
    let best = end;
    for (const column of this.columns()) {
      const at = after(column, t);
      if (at < column.length) best = Math.min(best, column[at]);
    }
    // Whatever is sent after t arrives after it was sent, so only those on their way can come first.
    this.flight().at(t, (row) => (best = Math.min(best, this.flight().until(row))));
    return best;
  }

  /** The last event before `t`, µs; 0 if there is none. */
  previous(t: number, item: number | null): number {
    if (item !== null) {
      const moments = this.journeys.moments(item);
      const at = atOrAfter(moments, t) - 1;
      return at >= 0 ? moments[at] : 0;
    }
    let best = 0;
    for (const column of this.columns()) {
      const at = atOrAfter(column, t) - 1;
      if (at >= 0) best = Math.max(best, column[at]);
    }
    // Whoever arrived between that and t was on its way then.
    const since = best;
    this.flight().at(since, (row) => {
      const until = this.flight().until(row);
      if (until < t) best = Math.max(best, until);
    });
    return best;
  }

  /**
   * The moment at which `share` (0 to 1) of the nodes had an item, µs; of all items if it is null: `share` of all pairs of node and item.
   * Infinity if that never was.
   */
  reached(share: number, item: number | null): number {
    const { deliveries, items, nodes } = this.timeline;
    if (item !== null) {
      const sorted = this.journeys.firstAt(item).slice().sort();
      return sorted.length === 0 ? Number.POSITIVE_INFINITY : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    }
    const wanted = Math.max(1, Math.ceil(share * items.rows * nodes.rows));
    return wanted <= deliveries.rows ? deliveries.at[wanted - 1] : Number.POSITIVE_INFINITY;
  }

  private columns(): Column[] {
    const { messages, deliveries, states } = this.timeline;
    return [messages.sent, deliveries.at, states.at];
  }
}
