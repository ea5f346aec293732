/** The curves on the scrubber: how far an item came (or how many deliveries there were) over the range, one value a pixel. */
import { placeIn, type Range } from '../play/range';
import type { Run } from '../store';

/** The share of the nodes that have `item` at each of `width` places of the range: 0 to 1, never falling. */
export function spread(run: Run, item: number, range: Range, width: number): Float64Array {
  const curve = new Float64Array(width);
  const nodes = Math.max(1, run.timeline.nodes.rows);
  for (const at of run.model.firstAt(item)) {
    const place = Math.ceil(placeIn(range, at) * width);
    if (place < width) curve[Math.max(0, place)] += 1 / nodes;
  }
  for (let place = 1; place < width; place++) curve[place] += curve[place - 1];
  return curve;
}

/** How many deliveries there are at each of `width` places of the range, of the most at any: 0 to 1. */
export function bustle(run: Run, range: Range, width: number): Float64Array {
  const curve = new Float64Array(width);
  let most = 1;
  let before = run.model.deliveriesUntil(range.from - 1);
  for (let place = 0; place < width; place++) {
    const until = run.model.deliveriesUntil(range.from + ((range.to - range.from) * (place + 1)) / width);
    curve[place] = until - before;
    most = Math.max(most, curve[place]);
    before = until;
  }
  return curve.map((value) => value / most);
}
