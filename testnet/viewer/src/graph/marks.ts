/** Marks on nodes: what is wrong with them, where the item was made, what is chosen. */
import type { Board } from '../canvas';
import { time } from '../format';
import { nodeName, regionOf } from '../names';
import type { Run } from '../store';
import { stateWord } from '../timeline/states';
import { colours } from '../theme';
import type { Pixels } from './resting';
import type { Scene } from './scene';
import type { Projection } from './view';

/** What is pointed at. */
export interface Pointed {
  node: number | null;
  hover: number | null;
}

const TAU = 2 * Math.PI;

/** Nodes that are down, paused, lie or are slow: by shape, so that it needs no colour. */
export function paintTouched(board: Board, run: Run, { x, y }: Pixels, radius: number, t: number): void {
  const { context } = board;
  const look = colours();
  const size = Math.max(4, radius * 1.25);
  for (const node of run.model.touchedNodes) {
    const word = stateWord(run.model.stateOf(node, t));
    if (word === 'up') continue;
    const [px, py] = [x[node], y[node]];
    context.lineWidth = 2;
    context.beginPath();
    if (word === 'down' || word === 'paused') {
      context.fillStyle = look.stage;
      context.arc(px, py, radius + 0.6, 0, TAU);
      context.fill();
      context.beginPath();
      context.strokeStyle = look.ink;
      if (word === 'down') {
        context.moveTo(px - size * 0.7, py - size * 0.7);
        context.lineTo(px + size * 0.7, py + size * 0.7);
        context.moveTo(px + size * 0.7, py - size * 0.7);
        context.lineTo(px - size * 0.7, py + size * 0.7);
      } else {
        context.moveTo(px - size * 0.35, py - size * 0.7);
        context.lineTo(px - size * 0.35, py + size * 0.7);
        context.moveTo(px + size * 0.35, py - size * 0.7);
        context.lineTo(px + size * 0.35, py + size * 0.7);
      }
    } else if (word === 'lying') {
      context.strokeStyle = look.vermilion;
      context.moveTo(px, py - size * 1.6);
      context.lineTo(px + size * 1.4, py + size);
      context.lineTo(px - size * 1.4, py + size);
      context.closePath();
    } else {
      context.strokeStyle = look.purple;
      context.rect(px - size * 1.15, py - size * 1.15, size * 2.3, size * 2.3);
    }
    context.stroke();
  }
}

/** Where the item was made: two circles. */
export function paintOrigin(board: Board, scene: Scene, { x, y }: Pixels, radius: number): void {
  if (scene.item === null) return;
  const origin = scene.run.timeline.items.origin[scene.item] - 1;
  if (origin < 0) return;
  const { context } = board;
  context.strokeStyle = colours().ink;
  context.lineWidth = 1.8;
  for (const wide of [radius + 2.5, radius + 5.5]) {
    context.beginPath();
    context.arc(x[origin], y[origin], wide, 0, TAU);
    context.stroke();
  }
}

/** Links of the chosen node, and the way by which it had the item. */
export function paintNeighbours(board: Board, scene: Scene, { x, y }: Pixels, node: number, t: number): void {
  const { context } = board;
  const look = colours();
  const { run, item } = scene;
  const { from, to } = run.timeline.links;
  context.beginPath();
  for (const link of run.model.linksOf(node)) {
    if (!run.model.isLinkUp(link, t)) continue;
    context.moveTo(x[from[link]], y[from[link]]);
    context.lineTo(x[to[link]], y[to[link]]);
  }
  context.strokeStyle = look.muted;
  context.globalAlpha = 0.7;
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 1;
  if (item === null) return;
  const { parent } = run.model.tree(item);
  const first = run.model.firstAt(item);
  context.beginPath();
  for (let at = node; parent[at] >= 0; at = parent[at]) {
    if (first[at] <= t) {
      context.moveTo(x[parent[at]], y[parent[at]]);
      context.lineTo(x[at], y[at]);
    }
    // A parent had it before: whatever a file says, this ends.
    if (!(first[parent[at]] < first[at])) break;
  }
  context.strokeStyle = look.accent;
  context.lineWidth = 3;
  context.stroke();
}

/** Names or numbers beside the nodes. */
export function paintNumbers(board: Board, run: Run, { x, y }: Pixels, radius: number): void {
  const { context, width, height } = board;
  context.font = '10px system-ui, sans-serif';
  context.textAlign = 'center';
  context.fillStyle = colours().muted;
  for (let node = 0; node < x.length; node++) {
    if (x[node] < 0 || y[node] < 0 || x[node] > width || y[node] > height) continue;
    context.fillText(run.timeline.header.names?.[node] ?? String(node), x[node], y[node] + radius + 11);
  }
}

/** What is chosen and what is pointed at, with a label. */
export function paintPointed(board: Board, run: Run, pixels: Pixels, radius: number, { node, hover }: Pointed): void {
  const { context } = board;
  const look = colours();
  for (const [one, isChosen] of [[node, true], [hover, false]] as const) {
    if (one === null || (!isChosen && one === node)) continue;
    context.beginPath();
    context.arc(pixels.x[one], pixels.y[one], radius + 3.5, 0, TAU);
    context.strokeStyle = isChosen ? look.accent : look.ink;
    context.lineWidth = isChosen ? 3.5 : 1.5;
    context.stroke();
  }
  const one = hover ?? node;
  if (one !== null) paintLabel(board, run, pixels, radius, one);
}

function paintLabel(board: Board, run: Run, { x, y }: Pixels, radius: number, node: number): void {
  const { context, width } = board;
  const look = colours();
  const region = regionOf(run.timeline, node).replaceAll('_', ' ');
  const text = region === '' ? nodeName(run.timeline, node) : `${nodeName(run.timeline, node)} · ${region}`;
  context.font = '600 12px system-ui, sans-serif';
  context.textAlign = 'left';
  const wide = context.measureText(text).width + 14;
  const left = Math.min(width - wide - 4, Math.max(4, x[node] - wide / 2));
  const top = y[node] - radius - 34 > 4 ? y[node] - radius - 34 : y[node] + radius + 10;
  context.beginPath();
  context.roundRect(left, top, wide, 22, 5);
  context.fillStyle = look.card;
  context.globalAlpha = 0.95;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = look.axis;
  context.lineWidth = 1;
  context.stroke();
  context.fillStyle = look.ink;
  context.fillText(text, left + 7, top + 15);
}

/** What the circles of the layout by arrival stand for. */
export function paintRingLabels({ context }: Board, scene: Scene, { unit, left, top }: Projection): void {
  const look = colours();
  const [x, y] = [left + 0.5 * unit.x, top + 0.5 * unit.y];
  context.font = '11px system-ui, sans-serif';
  context.textAlign = 'center';
  for (const { radius, after } of scene.rings) {
    const label = Number.isFinite(after) ? time(after) : 'never had it';
    const wide = context.measureText(label).width + 8;
    context.fillStyle = look.stage;
    context.globalAlpha = 0.85;
    context.fillRect(x - wide / 2, y - radius * unit.x - 8, wide, 15);
    context.globalAlpha = 1;
    context.fillStyle = look.ink;
    context.fillText(label, x, y - radius * unit.x + 4);
  }
}
