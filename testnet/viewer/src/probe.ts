/**
 * `window.tidings`: what tests and measurements ask of the page. It is no part of the page for people, but it is kept as it is documented.
 *
 * - `state()`: the store's state, without the runs.
 * - `runs()`: the name, nodes, items and messages of each open run.
 * - `set(patch)`: as the store's: `tidings.set({ t: 1200000, item: 3 })`.
 * - `digest(t?)`: a number that stands for all that is seen at `t` µs (now, if left out): equal moments have equal digests, however one came there.
 * - `takeFrames()`: milliseconds that the last frames of the graph took, and forgets them.
 * - `opened`: a promise that is kept once the first sources are open.
 */
import { takeFrames } from './frames';
import { store, type Run, type State } from './store';
import { stateWord } from './timeline/states';

/** What `window.tidings` is. */
export interface Probe {
  state: () => Omit<State, 'runs'>;
  runs: () => { name: string; nodes: number; items: number; messages: number }[];
  set: (patch: Partial<State>) => void;
  digest: (t?: number) => number;
  takeFrames: () => number[];
  opened: Promise<unknown>;
}

declare global {
  interface Window {
    tidings?: Probe;
  }
}

/** FNV-1a over numbers, 32 bits. */
class Digest {
  value = 0x811c9dc5;
  add(number: number): void {
    for (let rest = Math.round(number * 1000), bytes = 0; bytes < 6; bytes++, rest = Math.floor(rest / 256)) {
      this.value = Math.imul(this.value ^ (rest & 255), 0x01000193) >>> 0;
    }
  }
}

/** A number that stands for what is seen of a run at `t`. */
export function digestOf(run: Run, t: number, item: number | null, node: number | null): number {
  const { model, timeline } = run;
  const digest = new Digest();
  digest.add(model.coverage(item, t));
  for (const row of model.onTheWay(t)) digest.add(row);
  for (let one = 0; one < timeline.nodes.rows; one++) digest.add(model.heldBy(one, t));
  for (const one of model.touchedNodes) digest.add(stateWord(model.stateOf(one, t)).length);
  for (const bytes of model.bytesByNodeAndKind(t).table) digest.add(bytes);
  if (node !== null) for (const rung of model.ladder(node, item, 0, t).rungs) digest.add(rung.row);
  digest.add(model.moments.next(t, item));
  return digest.value;
}

/** Makes the probe. */
export function startProbe(opened: Promise<unknown>): void {
  window.tidings = {
    state: () => {
      const { runs: _, ...rest } = store.state;
      return rest;
    },
    runs: () => store.state.runs.map(({ name, timeline }) => ({ name, nodes: timeline.nodes.rows, items: timeline.items.rows, messages: timeline.messages.rows })),
    set: (patch) => store.set(patch),
    digest: (t = store.state.t) =>
      store.state.runs.reduce((sum, run) => (Math.imul(sum, 31) + digestOf(run, t, store.state.item, store.state.node)) >>> 0, 0),
    takeFrames,
    opened,
  };
}
