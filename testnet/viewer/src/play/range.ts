/** Which stretch of time the scrubber spans. Lanes on it draw to the same range. */
import { momentIn } from '../aligned';
import { endOfRuns, type Run, type State } from '../store';

/** From one moment to another, µs. */
export interface Range {
  from: number;
  to: number;
}

/** Room left and right of an item's life, as a share of it. */
const MARGIN = 0.06;

/** The life of an item: from when it was made to its last delivery, with some room; the whole run if nobody ever had it. */
export function itemRange(run: Run, item: number): Range {
  const { model, timeline } = run;
  const at = timeline.items.at[item];
  let last = at;
  for (const moment of model.firstAt(item)) if (Number.isFinite(moment) && moment > last) last = moment;
  const wide = Math.max(last - at, model.round);
  return { from: Math.max(0, at - wide * MARGIN), to: Math.min(model.end, last + wide * MARGIN) };
}

/** What the scrubber spans: the longest run, or the chosen item's life in all runs that have it, by the time of the run that is shown. */
export function scrubRange(state: State): Range {
  const { runs, shown, item, span } = state;
  if (span === 'run' || item === null) return { from: 0, to: Math.max(1, endOfRuns(runs)) };
  const ranges = runs
    .filter((run) => item < run.timeline.items.rows)
    .map((run) => {
      const { from, to } = itemRange(run, item);
      return { from: momentIn(runs[shown], run, from, item), to: momentIn(runs[shown], run, to, item) };
    });
  if (ranges.length === 0) return { from: 0, to: Math.max(1, endOfRuns(runs)) };
  return { from: Math.min(...ranges.map((range) => range.from)), to: Math.max(...ranges.map((range) => range.to)) };
}

/** Where a moment stands in a range: 0 at its beginning, 1 at its end. */
export function placeIn(range: Range, t: number): number {
  return (t - range.from) / Math.max(1, range.to - range.from);
}
