/** How long frames took: the last few hundred, for `window.tidings` and the measurement. */

const KEPT = 600;
const took = new Float64Array(KEPT);
let count = 0;

/** Runs `paint`, and notes how long it took. */
export function timed<T>(paint: () => T): T {
  const began = performance.now();
  const value = paint();
  took[count++ % KEPT] = performance.now() - began;
  return value;
}

/** Milliseconds that the last frames of the graph took, in no order; and forgets them. */
export function takeFrames(): number[] {
  const all = [...took.subarray(0, Math.min(count, KEPT))];
  count = 0;
  return all;
}
