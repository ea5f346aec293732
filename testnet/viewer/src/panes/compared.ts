/** Which of the open runs the charts show beside each other, and how each is drawn: by a colour and a dash, so that it reads without colour. */
import { useListeners, type Listeners } from '../listeners';
import { useStore, type Run } from '../store';
import { RUN_COLOURS } from '../theme';

/** A run in a chart. */
export interface Compared {
  run: Run;
  /** Its place among the open runs. */
  place: number;
  /** The name of its colour in the style sheet. */
  colour: (typeof RUN_COLOURS)[number];
  /** Lengths of strokes and gaps, px; empty: a whole line. */
  dash: readonly number[];
}

/** Dashes of the first, second, … run. */
export const DASHES: readonly (readonly number[])[] = [[], [9, 4], [2, 3], [11, 3, 2, 3], [5, 2], [16, 5]];

const hidden = new WeakSet<Run>();
const listeners: Listeners = new Set();

/** Shows a run in the charts, or leaves it out. */
export function setCompared(run: Run, isIn: boolean): void {
  if (isIn) hidden.delete(run);
  else hidden.add(run);
  for (const listener of [...listeners]) listener();
}

/** Whether a run is in the charts. */
export function isCompared(run: Run): boolean {
  return !hidden.has(run);
}

/** All open runs as the charts draw them. */
export function drawn(runs: readonly Run[]): Compared[] {
  return runs.map((run, place) => ({
    run,
    place,
    colour: RUN_COLOURS[place % RUN_COLOURS.length],
    dash: DASHES[place % DASHES.length],
  }));
}

/** The runs that the charts show; the component is drawn anew when these change. */
export function useCompared(): Compared[] {
  const runs = useStore((state) => state.runs);
  useChoice();
  return drawn(runs).filter(({ run }) => isCompared(run));
}

/** Draws the component anew when the choice changes. */
export function useChoice(): void {
  useListeners(listeners);
}

/** The item of another run that is the same as `item` of `run`: by its hash, or by its number if none has that. Null if there is none. */
export function sameItem(run: Run, item: number, other: Run): number | null {
  if (other === run) return item;
  const [own, theirs] = [run.timeline.items, other.timeline.items];
  const isAt = (at: number): boolean => {
    for (let byte = 0; byte < 8; byte++) if (own.hash[item * 8 + byte] !== theirs.hash[at * 8 + byte]) return false;
    return true;
  };
  if (item < theirs.rows && isAt(item)) return item;
  for (let at = 0; at < theirs.rows; at++) if (isAt(at)) return at;
  return item < theirs.rows ? item : null;
}
