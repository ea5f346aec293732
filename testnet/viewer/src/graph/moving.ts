/** Paints what moves: links in use, messages on their way, nodes, and what is chosen. It is painted each frame, in few strokes. */
import { hair, type Board } from '../canvas';
import type { Run } from '../store';
import { FAMILIES } from '../timeline/families';
import { NEVER } from '../timeline/journey';
import { after } from '../timeline/search';
import { colours, FAMILY_COLOURS } from '../theme';
import { paintNeighbours, paintNumbers, paintOrigin, paintPointed, paintRingLabels, paintTouched, type Pointed } from './marks';
import { FADES, type Motion } from './motion';
import { STEPS, unaware, wave } from './palette';
import type { Pixels } from './resting';
import type { Scene } from './scene';
import { Shade, SHADES } from './shades';
import type { Projection } from './view';

const TAU = 2 * Math.PI;
/** Below this radius a node is a square: nobody sees the difference, and it is painted in half the time. */
const ROUND_MIN = 2.2;
/** Into how many steps the glow of an arrival fades. */
const GLOWS = 5;
/** Most deliveries whose glow is painted if all items are shown. */
const GLOW_MAX = 1500;
/** From this radius on nodes have their numbers beside them. */
const LABELLED_MIN = 8.5;

/** The radius of nodes, pixels: they cover about a twelfth of the picture, and grow a little when it is zoomed. */
export function nodeRadius(board: Board, nodes: number, scale: number): number {
  const fair = 0.16 * Math.sqrt((board.width * board.height) / Math.max(1, nodes));
  return Math.min(15, Math.min(8, Math.max(1.6, fair)) * scale ** 0.45);
}

/** The colour of each shade. */
export function shadeColours(): string[] {
  const look = colours();
  const all = wave(look.isDark);
  all[Shade.unaware] = unaware();
  all[Shade.heard] = look.sky;
  all[Shade.asked] = look.orange;
  all[Shade.has] = look.green;
  return all;
}

/** Paints the moving layer. */
export function paintMoving(board: Board, scene: Scene, pixels: Pixels, projection: Projection, scale: number, t: number, pointed: Pointed): void {
  const { run } = scene;
  const window = run.model.round * 1.5;
  const motion = scene.mover.at(t, window);
  const radius = nodeRadius(board, run.timeline.nodes.rows, scale);
  const shades = scene.shades.at(t);
  if (scene.layout === 'arrival') paintWaveFront(board, scene, projection, t);
  if (scene.layout === 'arrival' && scene.item !== null) paintTree(board, scene, pixels, t);
  paintUse(board, run, pixels, motion);
  if (pointed.node !== null) paintNeighbours(board, scene, pixels, pointed.node, t);
  paintGlow(board, scene, pixels, radius, t);
  paintDots(board, run, pixels, motion, Math.max(1.2, Math.min(3.2, radius * 0.5)) * Math.min(1, Math.max(0.55, 400 / motion.dots) ** 0.5));
  paintNodes(board, pixels, shades, radius);
  paintTouched(board, run, pixels, radius, t);
  if (radius >= LABELLED_MIN) paintNumbers(board, run, pixels, radius);
  paintOrigin(board, scene, pixels, radius);
  paintRingLabels(board, scene, projection);
  paintPointed(board, run, pixels, radius, pointed);
}

/** Groups are painted in the order of their numbers, one path each; `visit` draws one thing into the path. */
function inGroups(context: CanvasRenderingContext2D, count: number, groups: number, of: (one: number) => number, visit: (one: number) => void, finish: (group: number) => void): void {
  const sizes = new Uint32Array(groups + 1);
  for (let one = 0; one < count; one++) sizes[of(one) + 1]++;
  for (let group = 0; group < groups; group++) sizes[group + 1] += sizes[group];
  const next = sizes.slice(0, groups);
  const order = new Uint32Array(count);
  for (let one = 0; one < count; one++) order[next[of(one)]++] = one;
  for (let group = 0; group < groups; group++) {
    if (sizes[group + 1] === sizes[group]) continue;
    context.beginPath();
    for (let at = sizes[group]; at < sizes[group + 1]; at++) visit(order[at]);
    finish(group);
  }
}

function paintUse(board: Board, run: Run, { x, y }: Pixels, motion: Motion): void {
  const { context } = board;
  const look = colours();
  const { from, to } = run.timeline.links;
  const most = Math.min(0.8, Math.max(0.16, 150 / Math.max(1, motion.used)));
  inGroups(
    context, motion.used, FAMILIES.length * FADES, (one) => motion.usedLook[one],
    (one) => {
      const link = motion.usedEnd[one] >>> 1;
      context.moveTo(x[from[link]], y[from[link]]);
      context.lineTo(x[to[link]], y[to[link]]);
    },
    (group) => {
      context.strokeStyle = look[FAMILY_COLOURS[FAMILIES[Math.floor(group / FADES)]]];
      context.globalAlpha = most * (1 - (group % FADES) / FADES) ** 1.5;
      context.lineWidth = hair(board);
      context.stroke();
    },
  );
  context.globalAlpha = 1;
}

function paintDots(board: Board, run: Run, { x, y }: Pixels, motion: Motion, size: number): void {
  const { context } = board;
  const look = colours();
  const { from, to } = run.timeline.links;
  inGroups(
    context, motion.dots, FAMILIES.length * 2, (one) => motion.dotFamily[one] * 2 + motion.dotLost[one],
    (one) => {
      const link = motion.dotEnd[one] >>> 1;
      const [a, b] = motion.dotEnd[one] & 1 ? [to[link], from[link]] : [from[link], to[link]];
      const px = x[a] + (x[b] - x[a]) * motion.dotAt[one];
      const py = y[a] + (y[b] - y[a]) * motion.dotAt[one];
      if (motion.dotLost[one] === 1) {
        context.moveTo(px - size, py - size);
        context.lineTo(px + size, py + size);
        context.moveTo(px + size, py - size);
        context.lineTo(px - size, py + size);
      } else {
        const wide = FAMILIES[motion.dotFamily[one]] === 'item' || FAMILIES[motion.dotFamily[one]] === 'block' ? size * 1.35 : size;
        context.moveTo(px + wide, py);
        context.arc(px, py, wide, 0, TAU);
      }
    },
    (group) => {
      const colour = look[FAMILY_COLOURS[FAMILIES[group >> 1]]];
      if (group & 1) {
        context.strokeStyle = colour;
        context.lineWidth = 1.6;
        context.stroke();
      } else {
        context.fillStyle = colour;
        context.fill();
      }
    },
  );
}

function paintNodes(board: Board, { x, y }: Pixels, shades: Uint8Array, radius: number): void {
  const { context, width, height } = board;
  const all = shadeColours();
  const isRound = radius >= ROUND_MIN;
  // Whoever has nothing lies below whoever has: the wave is what is looked at.
  const order = (shade: number): number => (shade === Shade.unaware ? 0 : shade + 1);
  inGroups(
    context, shades.length, SHADES + 1, (node) => order(shades[node]),
    (node) => {
      const [px, py] = [x[node], y[node]];
      if (px < -radius || py < -radius || px > width + radius || py > height + radius) return;
      if (isRound) {
        context.moveTo(px + radius, py);
        context.arc(px, py, radius, 0, TAU);
      } else context.rect(px - radius, py - radius, radius * 2, radius * 2);
    },
    (group) => {
      context.fillStyle = all[group === 0 ? Shade.unaware : group - 1];
      context.fill();
      if (isRound && radius >= 4) {
        context.strokeStyle = colours().stage;
        context.lineWidth = 1;
        context.stroke();
      }
    },
  );
}

/** A ring that widens and fades around whoever just had it. */
function paintGlow(board: Board, scene: Scene, { x, y }: Pixels, radius: number, t: number): void {
  const { context } = board;
  const { run, item } = scene;
  const { deliveries } = run.timeline;
  const lasting = run.model.round * 2;
  const nodes: number[] = [];
  const ages: number[] = [];
  const add = (node: number, at: number): void => {
    nodes.push(node);
    ages.push(Math.min(GLOWS - 1, Math.floor(((t - at) / lasting) * GLOWS)));
  };
  if (item === null) {
    const until = after(deliveries.at, t);
    for (let row = until - 1; row >= 0 && until - row <= GLOW_MAX && t - deliveries.at[row] < lasting; row--) add(deliveries.node[row], deliveries.at[row]);
  } else {
    run.model.firstAt(item).forEach((at, node) => {
      if (at <= t && t - at < lasting) add(node, at);
    });
  }
  const { isDark } = colours();
  inGroups(
    context, nodes.length, GLOWS, (one) => ages[one],
    (one) => {
      const node = nodes[one];
      const wide = radius * (1.7 + (ages[one] / GLOWS) * 1.9);
      context.moveTo(x[node] + wide, y[node]);
      context.arc(x[node], y[node], wide, 0, TAU);
    },
    (age) => {
      context.fillStyle = isDark ? '#ffe58a' : '#f2b632';
      // Where all just had it, a faint glow says so as well.
      context.globalAlpha = 0.34 * (1 - age / GLOWS) * Math.min(1, 120 / nodes.length) ** 0.5;
      context.fill();
    },
  );
  context.globalAlpha = 1;
}

/** Who had it from whom, so far. */
function paintTree(board: Board, scene: Scene, { x, y }: Pixels, t: number): void {
  if (scene.item === null) return;
  const { context } = board;
  const { parent } = scene.run.model.tree(scene.item);
  const first = scene.run.model.firstAt(scene.item);
  const shades = scene.shades.at(t);
  const all = shadeColours();
  inGroups(
    context, parent.length, SHADES, (node) => shades[node],
    (node) => {
      if (parent[node] <= NEVER || first[node] > t) return;
      context.moveTo(x[parent[node]], y[parent[node]]);
      context.lineTo(x[node], y[node]);
    },
    (shade) => {
      if (shade >= STEPS && shade !== Shade.has) return;
      context.strokeStyle = all[shade];
      context.globalAlpha = Math.min(0.6, 260 / parent.length);
      context.lineWidth = hair(board);
      context.stroke();
    },
  );
  context.globalAlpha = 1;
}

/** How far the wave is: a circle that widens with time. */
function paintWaveFront(board: Board, scene: Scene, { unit, left, top }: Projection, t: number): void {
  if (scene.item === null) return;
  const since = t - scene.run.timeline.items.at[scene.item];
  if (since <= 0) return;
  const radius = scene.radius.of(since) * unit.x;
  const { context } = board;
  const look = colours();
  context.beginPath();
  context.arc(left + 0.5 * unit.x, top + 0.5 * unit.y, radius, 0, TAU);
  context.fillStyle = look.accent;
  context.globalAlpha = 0.07;
  context.fill();
  context.globalAlpha = 0.8;
  context.strokeStyle = look.accent;
  context.lineWidth = 1.5;
  context.stroke();
  context.globalAlpha = 1;
}

