/** The moment of a run that stands beside another's: as long after the chosen item was made, or the first one. A simulation's recording begins a second
 * before it, a launch's when its nodes found each other. */
import type { Run } from './store';

/** What a moment `t` of the run that is shown is in another, µs; never before its beginning. */
export function momentIn(run: Run, shown: Run | undefined, t: number, item: number | null): number {
  if (shown === undefined || shown === run) return t;
  const made = run.timeline.items.at[item ?? 0];
  const madeThere = shown.timeline.items.at[item ?? 0];
  return made === undefined || madeThere === undefined ? t : Math.max(0, t - madeThere + made);
}
