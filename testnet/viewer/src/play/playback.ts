/** Moves the moment: plays, steps and jumps. All of it ends in `store.set({ t })`. */
import { store, type State } from '../store';
import { scrubRange } from './range';

/** Longest step of one frame, ms of real time: after a tab was hidden, time doesn't leap. */
const FRAME_MS_MAX = 100;

let frame = 0;
let last = 0;

function tick(now: number): void {
  frame = 0;
  const { playing, t, speed } = store.state;
  if (!playing) return;
  const elapsed = Math.min(FRAME_MS_MAX, now - last);
  last = now;
  const { to } = scrubRange(store.state);
  const next = t + elapsed * 1000 * speed;
  if (next >= to) store.set({ t: to, playing: false });
  else {
    store.set({ t: next });
    frame = requestAnimationFrame(tick);
  }
}

/** Plays from here; from the beginning, if this is the end. */
export function play(): void {
  const { runs, t } = store.state;
  if (runs.length === 0) return;
  const { from, to } = scrubRange(store.state);
  store.set({ playing: true, t: t >= to || t < from ? from : t });
  last = performance.now();
  if (frame === 0) frame = requestAnimationFrame(tick);
}

/** Stops where it is. */
export function pause(): void {
  store.set({ playing: false });
}

/** Plays if it stands, and stops if it plays. */
export function toggle(): void {
  if (store.state.playing) pause();
  else play();
}

/** Goes to a moment, µs; what plays goes on from there. */
export function seek(t: number): void {
  store.set({ t });
}

/** One event forwards (1) or backwards (−1): of the chosen item, or of everything. */
export function stepEvent(direction: 1 | -1): void {
  const run = store.run;
  if (run === undefined) return;
  const { t, item } = store.state;
  store.set({ playing: false, t: direction > 0 ? run.model.moments.next(t, item) : run.model.moments.previous(t, item) });
}

/** One round (a median latency) forwards or backwards. */
export function stepRound(direction: 1 | -1): void {
  const run = store.run;
  if (run === undefined) return;
  store.set({ playing: false, t: store.state.t + direction * run.model.round });
}

/** To where `share` of the nodes have the chosen item (of all: of all pairs of node and item); says so if that never is. */
export function jumpTo(share: number): void {
  const run = store.run;
  if (run === undefined) return;
  const { item } = store.state;
  const t = run.model.moments.reached(share, item);
  if (Number.isFinite(t)) store.set({ playing: false, t, notice: null });
  else store.set({ notice: `${Math.round(share * 100)} % of ${item === null ? 'all deliveries' : 'the nodes'} are never reached in this run.` });
}

/** To the beginning of what the scrubber spans. */
export function toStart(): void {
  store.set({ t: scrubRange(store.state).from });
}

/** To its end. */
export function toEnd(): void {
  store.set({ t: scrubRange(store.state).to, playing: false });
}

/** Chooses an item, or all, and keeps the scrubber sensible: the moment stays if it is in the item's life. */
export function chooseItem(item: number | null): void {
  const patch: Partial<State> = { item, span: item === null ? 'run' : store.state.span };
  store.set(patch);
  const { from, to } = scrubRange(store.state);
  const { t } = store.state;
  if (t < from || t > to) store.set({ t: from });
}
