/** The address: what is chosen and where the scrubber stands, so that a copy of it shows the same. */
import { store, type Colouring, type Layout, type State } from './store';

const LAYOUTS: readonly string[] = ['force', 'map', 'arrival'];
const COLOURINGS: readonly string[] = ['arrival', 'state'];
/** The address follows at most every so many ms: browsers refuse more than some hundred changes in half a minute. */
const EVERY_MS = 300;

/** What an address' fragment says (`#t=…&item=…`); what it says wrongly is left aside. */
export function fromHash(hash: string): Partial<State> {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const number = (name: string): number | undefined => {
    const text = given.get(name);
    return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  };
  const wish: Partial<State> = {};
  const [t, item, node, run, beside] = ['t', 'item', 'node', 'run', 'beside'].map(number);
  if (t !== undefined) wish.t = t;
  if (item !== undefined) wish.item = item;
  if (node !== undefined) wish.node = node;
  if (run !== undefined) wish.shown = run;
  if (beside !== undefined) wish.beside = beside;
  const layout = given.get('layout');
  if (layout !== null && LAYOUTS.includes(layout)) wish.layout = layout as Layout;
  const colouring = given.get('colour');
  if (colouring !== null && COLOURINGS.includes(colouring)) wish.colouring = colouring as Colouring;
  if (given.get('span') === 'item' && item !== undefined) wish.span = 'item';
  return wish;
}

/** The fragment for a state. `others` are parts of the address that belong to somebody else (`lab`), which stay. */
export function toHash(state: State, others: string): string {
  const parts = [`t=${Math.round(state.t)}`];
  if (state.item !== null) parts.push(`item=${state.item}`);
  if (state.node !== null) parts.push(`node=${state.node}`);
  if (state.layout !== 'force') parts.push(`layout=${state.layout}`);
  if (state.colouring !== 'arrival') parts.push(`colour=${state.colouring}`);
  if (state.span === 'item') parts.push('span=item');
  if (state.shown !== 0) parts.push(`run=${state.shown}`);
  if (state.beside !== null) parts.push(`beside=${state.beside}`);
  const kept = others.replace(/^#/, '').split('&').filter((part) => part.startsWith('lab='));
  return `#${[...parts, ...kept].join('&')}`;
}

/** Has the address follow the store, and the store the address when the user changes it. */
export function startPermalink(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = location.hash;
  const write = (): void => {
    timer = undefined;
    // While it plays the address stands still: it is the stop that somebody would copy.
    if (store.state.runs.length === 0 || store.state.playing) return;
    written = toHash(store.state, location.hash);
    history.replaceState(null, '', written);
  };
  store.subscribe(() => {
    timer ??= setTimeout(write, EVERY_MS);
  });
  addEventListener('hashchange', () => {
    if (location.hash !== written) store.set({ item: null, node: null, ...fromHash(location.hash) });
  });
}
