/** How old items were when nodes had them: what curves and figures are made of. All here is pure, and kept by run. */
import { rowsOf } from '../timeline/groups';
import { after } from '../timeline/search';
import type { Model } from '../timeline/model';

/** Ages of deliveries at nodes that run at the end. */
export interface Ages {
  /** µs from when the item was made to when the node had it, in order. Its maker's own stand first, as 0. */
  sorted: Float64Array;
  /** How many of them are the makers' own. */
  own: number;
  /** How many there would be if every item had reached every node. */
  expected: number;
}

const lives = new WeakMap<Model, Uint8Array>();
const ofAll = new WeakMap<Model, Ages>();

/** Which nodes run at the end (1) and which don't (0): whoever is dead can't be reached, and isn't waited for. */
export function liveNodes(model: Model): Uint8Array {
  let live = lives.get(model);
  if (live === undefined) {
    live = new Uint8Array(model.timeline.nodes.rows).fill(1);
    for (const node of model.touchedNodes) live[node] = Number(model.stateOf(node, model.end).up);
    lives.set(model, live);
  }
  return live;
}

/** How many nodes run at the end. */
export function liveCount(model: Model): number {
  return liveNodes(model).reduce((sum, live) => sum + live, 0);
}

/** The ages of one item, or of all if it is null. */
export function agesOf(model: Model, item: number | null): Ages {
  if (item !== null) return compute(model, rowsOf(model.journeys.deliveries(), item), 1);
  let ages = ofAll.get(model);
  if (ages === undefined) {
    ages = compute(model, null, model.timeline.items.rows);
    ofAll.set(model, ages);
  }
  return ages;
}

function compute(model: Model, rows: Uint32Array | null, items: number): Ages {
  const { deliveries, items: made } = model.timeline;
  const live = liveNodes(model);
  const most = rows?.length ?? deliveries.rows;
  const ages = new Float64Array(most);
  let count = 0;
  let own = 0;
  for (let at = 0; at < most; at++) {
    const row = rows === null ? at : rows[at];
    const node = deliveries.node[row];
    if (live[node] === 0) continue;
    const item = deliveries.item[row];
    const isOwn = made.origin[item] === node + 1;
    own += Number(isOwn);
    // Clocks of real nodes differ a little: nothing is older than its item.
    ages[count++] = isOwn ? 0 : Math.max(0, deliveries.at[row] - made.at[item]);
  }
  return { sorted: ages.subarray(0, count).sort(), own, expected: items * liveCount(model) };
}

/** The age by which a share (0 to 1) of all that is expected had come, µs; Infinity if that never was. */
export function ageAt(ages: Ages, share: number): number {
  const place = Math.max(0, Math.ceil(share * ages.expected) - 1);
  return place < ages.sorted.length ? ages.sorted[place] : Number.POSITIVE_INFINITY;
}

/** The share (0 to 1) of what is expected that was there at each age of a grid, µs. */
export function coverageOn(ages: Ages, grid: ArrayLike<number>): Float64Array {
  return Float64Array.from(grid, (age) => (ages.expected === 0 ? 0 : after(ages.sorted, age) / ages.expected));
}

/** The share of the deliveries over the network that took at most so long, at each age of a grid; of those that never came, none did. */
export function distributionOn(ages: Ages, grid: ArrayLike<number>): Float64Array {
  const expected = ages.expected - ages.own;
  return Float64Array.from(grid, (age) => (expected <= 0 ? 0 : Math.max(0, after(ages.sorted, age) - ages.own) / expected));
}

/** `points` numbers from 0 to `end`, evenly. */
export function evenGrid(end: number, points: number): Float64Array {
  return Float64Array.from({ length: points }, (_, point) => (end * point) / (points - 1));
}

/** `points` numbers from `begin` to `end`, each the same factor above the last. */
export function geometricGrid(begin: number, end: number, points: number): Float64Array {
  const factor = Math.max(1, end / begin);
  return Float64Array.from({ length: points }, (_, point) => begin * factor ** (point / (points - 1)));
}
