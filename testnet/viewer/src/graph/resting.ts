/** Paints what rests: links, the circles of the layout by arrival, the regions of the map. It is kept until something of it changes. */
import { hair, type Board } from '../canvas';
import { colours } from '../theme';
import type { Projection } from './view';
import type { Scene } from './scene';

/** Where nodes are on the canvas, pixels by node. */
export interface Pixels {
  x: Float32Array;
  y: Float32Array;
}

/** Paints the resting layer. */
export function paintResting(board: Board, scene: Scene, pixels: Pixels, projection: Projection, t: number): void {
  const { context } = board;
  if (scene.layout === 'map') paintRegions(board, scene, projection);
  if (scene.layout === 'arrival') {
    paintRings(board, scene, projection);
    return;
  }
  const look = colours();
  const { from, to } = scene.run.timeline.links;
  const { x, y } = pixels;
  let drawn = 0;
  context.beginPath();
  scene.links.each(t, (link) => {
    context.moveTo(x[from[link]], y[from[link]]);
    context.lineTo(x[to[link]], y[to[link]]);
    drawn++;
  });
  context.strokeStyle = look.axis;
  // The more links, the fainter each: together they must not hide the nodes.
  context.globalAlpha = Math.min(0.5, Math.max(0.045, (look.isDark ? 130 : 160) / Math.max(1, drawn)));
  context.lineWidth = hair(board);
  context.stroke();
  context.globalAlpha = 1;
}

function paintRings(board: Board, scene: Scene, { unit, left, top }: Projection): void {
  const { context } = board;
  const look = colours();
  const [x, y] = [left + 0.5 * unit.x, top + 0.5 * unit.y];
  context.lineWidth = 1;
  for (const { radius } of scene.rings) {
    context.beginPath();
    context.arc(x, y, radius * unit.x, 0, 2 * Math.PI);
    context.strokeStyle = look.line;
    context.stroke();
  }
}

function paintRegions(board: Board, scene: Scene, { unit, left, top }: Projection): void {
  const { context } = board;
  const look = colours();
  context.font = '600 12px system-ui, sans-serif';
  context.textAlign = 'center';
  for (const { name, x, y, reach } of scene.regions) {
    const [px, py] = [left + x * unit.x, top + y * unit.y];
    const [rx, ry] = [(reach + 0.02) * unit.x, (reach + 0.02) * unit.y];
    context.beginPath();
    context.ellipse(px, py, rx, ry, 0, 0, 2 * Math.PI);
    context.fillStyle = look.grid;
    context.globalAlpha = 0.55;
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = look.muted;
    context.fillText(name.replaceAll('_', ' '), px, Math.max(14, py - ry - 5));
  }
}
