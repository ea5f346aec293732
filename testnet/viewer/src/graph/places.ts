/** Where nodes stand in each layout: x and y from 0 to 1, by node. Pure: equal timelines give equal pictures. */
import type { Layout, Run } from '../store';

/** Where nodes stand. */
export interface Places {
  x: Float32Array;
  y: Float32Array;
}

/** A circle of the layout by arrival: its radius (0 to 0.5), and what it stands for. */
export interface Ring {
  radius: number;
  /** µs after the item was made; Infinity is the circle of those that never had it. */
  after: number;
}

const MOST = 65535;
/** The radius at which 99 % have it, and that of the last; beyond are those that never had it, if there are any. Of 0.5. */
const RADIUS_99 = 0.37;
const RADIUS_LAST = 0.43;
const RADIUS_NEVER = 0.49;
const RADIUS_LEAST = 0.03;
/** The golden angle, radians: seeds that follow each other by it keep apart. */
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** Where nodes stand. The layout by arrival is that of `item`; without an item, of the mean over all items. */
export function placesOf(run: Run, layout: Layout, item: number | null): Places {
  const { nodes } = run.timeline;
  if (layout === 'arrival') return radial(run, item);
  const [xs, ys] = layout === 'map' ? [nodes.map_x, nodes.map_y] : [nodes.x, nodes.y];
  const isNowhere = nodes.rows > 1 && xs.every((x) => x === xs[0]) && ys.every((y) => y === ys[0]);
  return isNowhere ? bouquets(run, layout === 'map') : { x: filled(xs), y: filled(ys) };
}

/** For a timeline without places: the nodes of each region (or all) stand together, as the seeds of a sunflower do; regions stand in a circle. */
function bouquets(run: Run, isByRegion: boolean): Places {
  const { nodes, header } = run.timeline;
  const places = { x: new Float32Array(nodes.rows), y: new Float32Array(nodes.rows) };
  const regions = isByRegion ? Math.max(1, header.regions.length) : 1;
  const [far, wide] = regions === 1 ? [0, 0.5] : [0.34, Math.min(0.16, 0.9 / regions)];
  const size = new Uint32Array(regions);
  const seen = new Uint32Array(regions);
  const group = (node: number): number => (isByRegion ? Math.min(regions - 1, nodes.region[node]) : 0);
  for (let node = 0; node < nodes.rows; node++) size[group(node)]++;
  for (let node = 0; node < nodes.rows; node++) {
    const mine = group(node);
    const turn = (mine / regions) * 2 * Math.PI - Math.PI / 2;
    const place = seen[mine]++;
    const out = wide * Math.sqrt((place + 0.5) / size[mine]);
    places.x[node] = 0.5 + far * Math.cos(turn) + out * Math.cos(place * GOLDEN);
    places.y[node] = 0.5 + far * Math.sin(turn) + out * Math.sin(place * GOLDEN);
  }
  return places;
}

/** Coordinates stretched so that they fill 0 to 1; all 0.5 if they are all the same. */
function filled(column: Uint16Array): Float32Array {
  const [least, most] = column.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [MOST, 0]);
  return Float32Array.from(column, (one) => (most > least ? (one - least) / (most - least) : 0.5));
}

/** How long each node took to have `item` (or items, in the mean), µs by node; Infinity = never. */
export function delays(run: Run, item: number | null): Float64Array {
  const { items, deliveries, nodes } = run.timeline;
  if (item !== null) return run.model.firstAt(item).map((at) => at - items.at[item]);
  const sum = new Float64Array(nodes.rows);
  const count = new Float64Array(nodes.rows);
  for (let row = 0; row < deliveries.rows; row++) {
    sum[deliveries.node[row]] += deliveries.at[row] - items.at[deliveries.item[row]];
    count[deliveries.node[row]]++;
  }
  return sum.map((total, node) => (count[node] === 0 ? Number.POSITIVE_INFINITY : total / count[node]));
}

/** What maps a delay to a radius: even until 99 % have it, and close together for the slowest. */
export class Radius {
  readonly at99: number;
  readonly last: number;
  /** Whether some never had it. */
  readonly hasNever: boolean;
  private readonly stretch: number;

  constructor(all: Float64Array) {
    const sorted = all.filter(Number.isFinite).sort();
    this.hasNever = sorted.length < all.length;
    this.stretch = this.hasNever ? 1 : RADIUS_NEVER / RADIUS_LAST;
    this.last = Math.max(1, sorted[sorted.length - 1] ?? 1);
    this.at99 = Math.max(1, sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)] ?? 1);
  }

  /** The radius of a delay in µs, 0 to 0.5. */
  of(delay: number): number {
    return Number.isFinite(delay) ? this.within(delay) * this.stretch : RADIUS_NEVER;
  }

  private within(delay: number): number {
    if (delay <= this.at99) return RADIUS_LEAST + (RADIUS_99 - RADIUS_LEAST) * Math.max(0, delay / this.at99);
    const rest = Math.max(1, this.last - this.at99);
    return RADIUS_99 + (RADIUS_LAST - RADIUS_99) * Math.min(1, (delay - this.at99) / rest);
  }
}

function radial(run: Run, item: number | null): Places {
  const { nodes } = run.timeline;
  const late = delays(run, item);
  const radius = new Radius(late);
  // By region, and within it by the angle that the force layout has: neighbours stay near each other.
  const angle = (node: number): number => Math.atan2(nodes.y[node] - MOST / 2, nodes.x[node] - MOST / 2);
  const order = Array.from({ length: nodes.rows }, (_, node) => node).sort((a, b) => nodes.region[a] - nodes.region[b] || angle(a) - angle(b) || a - b);
  const places = { x: new Float32Array(nodes.rows), y: new Float32Array(nodes.rows) };
  order.forEach((node, place) => {
    const turn = (place / Math.max(1, nodes.rows)) * 2 * Math.PI - Math.PI / 2;
    const isOrigin = item !== null && late[node] === 0;
    const from = isOrigin ? 0 : radius.of(late[node]);
    places.x[node] = 0.5 + from * Math.cos(turn);
    places.y[node] = 0.5 + from * Math.sin(turn);
  });
  return places;
}

/** Circles for the layout by arrival: round times. */
export function rings(run: Run, item: number | null): Ring[] {
  const radius = new Radius(delays(run, item));
  const step = niceStep(radius.at99 / 4);
  const found: Ring[] = [];
  for (let after = step; after <= radius.at99; after += step) found.push({ radius: radius.of(after), after });
  if (radius.hasNever) found.push({ radius: RADIUS_NEVER, after: Number.POSITIVE_INFINITY });
  return found;
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return ([1, 2, 5, 10].find((one) => one * power >= least) ?? 10) * power;
}

/** Where each region's name stands on the map: the middle of its nodes, and how far they reach. Regions without nodes are left out. */
export function regionPlaces(run: Run, places: Places): { name: string; x: number; y: number; reach: number }[] {
  const { nodes, header } = run.timeline;
  return header.regions.flatMap((name, region) => {
    const mine = [...nodes.region.keys()].filter((node) => nodes.region[node] === region);
    if (mine.length === 0) return [];
    const x = mine.reduce((sum, node) => sum + places.x[node], 0) / mine.length;
    const y = mine.reduce((sum, node) => sum + places.y[node], 0) / mine.length;
    const reach = Math.max(...mine.map((node) => Math.hypot(places.x[node] - x, places.y[node] - y)));
    return [{ name, x, y, reach }];
  });
}
