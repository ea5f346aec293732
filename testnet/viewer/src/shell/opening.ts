/** What is shown first once runs are open: a wave that is half-way. */
import { itemRange } from '../play/range';
import { speedFor } from '../play/speeds';
import { fileSource, open, type Source } from '../sources';
import { store, type Run, type State } from '../store';

/** The life of an item takes this many seconds of real time at the speed that is set first. A guess. */
const SECONDS = 8;

/** What to show of a run that nobody said anything of: an item that reached most nodes, at the moment when half of them have it. */
export function firstView(run: Run): Partial<State> {
  const { items } = run.timeline;
  const tried = Math.min(items.rows, 16);
  let item: number | null = null;
  for (let one = 0; one < tried; one++) {
    // The first may be a warm-up; a later one that reached 99 % is as good, and blocks are rare.
    if (Number.isFinite(run.model.moments.reached(0.99, one))) {
      item = one;
      break;
    }
    if (item === null && Number.isFinite(run.model.moments.reached(0.5, one))) item = one;
  }
  if (item === null) return { item: null, t: 0, span: 'run', speed: speedFor(run.model.end, 20) };
  const { from, to } = itemRange(run, item);
  return { item, t: run.model.moments.reached(0.5, item), span: 'item', speed: speedFor(to - from, SECONDS) };
}

/** Opens sources, and shows the first if nothing was shown before; `wish` is what a permalink says. */
export async function showSources(sources: readonly Source[], wish: Partial<State> = {}): Promise<void> {
  const wasEmpty = store.state.runs.length === 0;
  const first = await open(sources);
  if (first === null) return;
  const run = store.state.runs[first];
  if (wasEmpty) {
    const isLinked = wish.t !== undefined;
    store.set({ ...firstView(run), ...(isLinked ? { item: null, span: 'run' } : {}), ...wish, notice: store.state.notice });
  }
  const runs = store.state.runs.length;
  if (runs > 1 && store.state.beside === null && innerWidth >= 1000) store.set({ beside: store.state.shown === 0 ? 1 : 0 });
}

/** Opens files that the user gave. */
export async function showFiles(files: FileList | null): Promise<void> {
  if (files !== null) await showSources([...files].map(fileSource));
}
