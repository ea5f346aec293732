/** What colour each node has at a moment, as a number: pure, so that the same moment always looks the same. */
import type { Colouring, Run } from '../store';
import { STEPS } from './palette';

/** Shades beyond the wave's 0 to STEPS − 1. */
export const Shade = { unaware: STEPS, heard: STEPS + 1, asked: STEPS + 2, has: STEPS + 3 } as const;
/** How many shades there are. */
export const SHADES = STEPS + 4;

/** A place on the wave's scale for a delay in µs: 0 at once, STEPS − 1 when 99 % have it, or later. */
function waveStep(delay: number, at99: number): number {
  return Math.min(STEPS - 1, Math.max(0, Math.floor((delay / at99) * STEPS)));
}

/** The shades of all nodes at `t`. For an item: when they had it, or how far they are with it. For all: how much they have of what was made. */
export class Shades {
  private readonly out: Uint8Array;

  /** `at99`: the delay at which the wave's scale ends, µs. */
  constructor(
    private readonly run: Run,
    private readonly item: number | null,
    private readonly colouring: Colouring,
    private readonly at99: number,
  ) {
    this.out = new Uint8Array(run.timeline.nodes.rows);
  }

  /** The shades at `t`, by node. The array is used again by the next call. */
  at(t: number): Uint8Array {
    const { run, item, out } = this;
    if (item === null) {
      const made = Math.max(1, run.model.itemsUntil(t));
      for (let node = 0; node < out.length; node++) {
        const held = run.model.heldBy(node, t);
        out[node] = held === 0 ? Shade.unaware : STEPS - 1 - Math.min(STEPS - 1, Math.floor((held / made) * (STEPS - 0.01)));
      }
      return out;
    }
    const first = run.model.firstAt(item);
    const made = run.timeline.items.at[item];
    if (this.colouring === 'arrival') {
      for (let node = 0; node < out.length; node++) out[node] = first[node] <= t ? waveStep(first[node] - made, this.at99) : Shade.unaware;
      return out;
    }
    const { heard, asked } = run.model.stages(item);
    for (let node = 0; node < out.length; node++) {
      out[node] = first[node] <= t ? Shade.has : asked[node] <= t ? Shade.asked : heard[node] <= t ? Shade.heard : Shade.unaware;
    }
    return out;
  }
}
