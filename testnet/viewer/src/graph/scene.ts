/** All that a picture of one run needs, for what is chosen: made when the choice changes, asked at each frame. */
import type { Colouring, Layout, Run } from '../store';
import { LinkSet } from './links';
import { Mover } from './motion';
import { delays, placesOf, Radius, regionPlaces, rings, type Places, type Ring } from './places';
import { Shades } from './shades';

/** What the scene is made for. */
export interface Choice {
  run: Run;
  layout: Layout;
  item: number | null;
  colouring: Colouring;
  /** The run whose delays the wave's colours span: two graphs beside each other have one scale. */
  scale: Run;
}

/** One run, as it is to be drawn. */
export interface Scene extends Choice {
  places: Places;
  shades: Shades;
  mover: Mover;
  links: LinkSet;
  /** Delays of the item (or of all) as radii, and as places on the wave's scale. */
  radius: Radius;
  rings: Ring[];
  regions: { name: string; x: number; y: number; reach: number }[];
}

/** Makes a scene; what did not change since `before` is taken from it. */
export function makeScene(choice: Choice, before: Scene | null): Scene {
  const { run, layout, item, colouring, scale } = choice;
  const same = before !== null && before.run === run ? before : null;
  const samePlaces = same !== null && same.layout === layout && (layout !== 'arrival' || same.item === item);
  const places = samePlaces ? same.places : placesOf(run, layout, item);
  const radius = same !== null && same.item === item ? same.radius : new Radius(delays(run, item));
  return {
    ...choice,
    places,
    radius,
    shades: new Shades(run, item, colouring, scale === run ? radius.at99 : scaleEnd(scale, item)),
    mover: same !== null && same.item === item ? same.mover : new Mover(run, item),
    links: same?.links ?? new LinkSet(run),
    rings: samePlaces ? same.rings : layout === 'arrival' ? rings(run, item) : [],
    regions: samePlaces ? same.regions : layout === 'map' ? regionPlaces(run, places) : [],
  };
}

/** The delay at which the wave's colours end, µs: that of 99 % of the nodes that had it. */
export function scaleEnd(run: Run, item: number | null): number {
  return new Radius(delays(run, item)).at99;
}

/** Places on the way from one layout to another: `part` 0 to 1, slow at both ends. */
export function between(from: Places, to: Places, part: number): Places {
  const eased = part * part * (3 - 2 * part);
  const mix = (a: Float32Array, b: Float32Array): Float32Array => a.map((one, node) => one + (b[node] - one) * eased);
  return { x: mix(from.x, to.x), y: mix(from.y, to.y) };
}

/** The node nearest to a pixel, or null if none is within `reach` pixels. */
export function nearest(x: Float32Array, y: Float32Array, px: number, py: number, reach: number): number | null {
  let best: number | null = null;
  let least = reach * reach;
  for (let node = 0; node < x.length; node++) {
    const far = (x[node] - px) ** 2 + (y[node] - py) ** 2;
    if (far < least) {
      least = far;
      best = node;
    }
  }
  return best;
}
