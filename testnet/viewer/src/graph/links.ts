/** Which links are up at a moment, and when that changes: the picture of resting links is kept until then. */
import type { Run } from '../store';
import { after } from '../timeline/search';

/** Most resting links that are drawn; beyond, an even share of them is. */
export const LINKS_DRAWN_MAX = 24_000;

/** The links of a run over time. */
export class LinkSet {
  private readonly changes: Float64Array;
  /** Of so many links one is drawn. */
  readonly oneOf: number;

  constructor(private readonly run: Run) {
    const { up, down, rows } = run.timeline.links;
    const moments: number[] = [];
    for (let link = 0; link < rows; link++) {
      moments.push(up[link]);
      if (down[link] > 0) moments.push(up[link] + down[link] - 1);
    }
    this.changes = Float64Array.from(moments).sort();
    this.oneOf = Math.max(1, Math.ceil(rows / LINKS_DRAWN_MAX));
  }

  /** A number that changes whenever the set of links that are up does. */
  version(t: number): number {
    return after(this.changes, t);
  }

  /** Calls `visit` for each link to draw that is up at `t`. */
  each(t: number, visit: (link: number) => void): void {
    for (let link = 0; link < this.run.timeline.links.rows; link += this.oneOf) {
      if (this.run.model.isLinkUp(link, t)) visit(link);
    }
  }
}
