/** Paints a ladder: the node's line in the middle, a line for each neighbour, an arrow for each message. */
import type { Board } from '../canvas';
import { time } from '../format';
import { nodeName } from '../names';
import { tickStep } from '../scrubber/scrubber';
import type { Run } from '../store';
import { familyOf } from '../timeline/families';
import { colours, FAMILY_COLOURS } from '../theme';
import { COLUMNS_MAX, words, type Picture } from './rungs';

const TOP = 34;
const FOOT = 10;
const AXIS = 52;
/** Labels of messages keep this far from each other, pixels. */
const LABEL_GAP = 11;

/** Paints it; what was sent after `t` is faint. */
export function paintLadder(board: Board, run: Run, node: number, picture: Picture, t: number): void {
  const { context, width, height } = board;
  const look = colours();
  const columns = columnsOf(picture, node, width);
  const own = columns.get(node) as number;
  const y = (at: number): number => TOP + ((at - picture.from) / Math.max(1, picture.to - picture.from)) * (height - TOP - FOOT);
  paintTimes(board, picture, y);
  context.lineWidth = 1;
  for (const [peer, x] of columns) {
    context.strokeStyle = peer === node ? look.ink : look.line;
    context.lineWidth = peer === node ? 2 : 1;
    line(context, x, TOP - 6, x, height - FOOT + 4);
    context.fillStyle = peer === node ? look.ink : look.muted;
    context.font = peer === node ? '600 11px system-ui, sans-serif' : '10.5px system-ui, sans-serif';
    context.textAlign = 'center';
    const name = peer === OTHERS ? 'others' : shortName(run, peer);
    context.fillText(name, x, TOP - 12);
  }
  const labels: number[] = [];
  for (const rung of picture.ladder.rungs) {
    const far = columns.get(rung.peer) ?? (columns.get(OTHERS) as number);
    const isLost = !Number.isFinite(rung.arrived);
    const [fromX, toX] = rung.isOut ? [own, far] : [far, own];
    const [fromY, toY] = [y(rung.sent), y(isLost ? rung.sent + run.model.round : rung.arrived)];
    const end = isLost ? 0.55 : 1;
    context.globalAlpha = rung.sent <= t ? 1 : 0.28;
    context.strokeStyle = look[FAMILY_COLOURS[familyOf(run.timeline.header.kinds[run.timeline.messages.kind[rung.row]])]];
    context.fillStyle = context.strokeStyle;
    context.lineWidth = 1.8;
    context.setLineDash(isLost ? [4, 3] : []);
    const [x1, y1] = [fromX + (toX - fromX) * end, fromY + (toY - fromY) * end];
    line(context, fromX, fromY, x1, y1);
    context.setLineDash([]);
    if (isLost) cross(context, x1, y1);
    else head(context, fromX, fromY, toX, toY);
    const labelY = fromY + (y1 - fromY) * 0.5;
    if (picture.ladder.rungs.length <= 40 && Math.abs(toX - fromX) > 46 && labels.every((other) => Math.abs(other - labelY) > LABEL_GAP)) {
      labels.push(labelY);
      label(board, words(run, rung), (fromX + x1) / 2, labelY - 3);
    }
  }
  context.globalAlpha = 1;
  if (t >= picture.from && t <= picture.to) {
    context.strokeStyle = look.vermilion;
    context.lineWidth = 1.5;
    line(context, AXIS - 6, y(t), width, y(t));
  }
}

/** A column for neighbours beyond those that have room. */
const OTHERS = -1;

/** Where each one's line is: the node itself stands in the middle of its neighbours. */
function columnsOf({ peers, ladder }: Picture, node: number, width: number): Map<number, number> {
  const room = Math.max(1, Math.min(COLUMNS_MAX, Math.floor((width - AXIS) / 40) - 1));
  // Those who said most are drawn.
  const said = (peer: number): number => ladder.rungs.reduce((sum, rung) => sum + (rung.peer === peer ? 1 : 0), 0);
  const chosen = peers.length <= room ? peers : [...peers].sort((a, b) => said(b) - said(a)).slice(0, Math.max(1, room - 1));
  const kept = new Set(chosen);
  const inOrder: number[] = peers.filter((peer) => kept.has(peer));
  if (kept.size < peers.length) inOrder.push(OTHERS);
  const half = Math.ceil(inOrder.length / 2);
  const all = [...inOrder.slice(0, half), node, ...inOrder.slice(half)];
  const step = (width - AXIS - 40) / Math.max(1, all.length - 1);
  return new Map(all.map((one, place) => [one, AXIS + 18 + place * step]));
}

function paintTimes({ context, width, height }: Board, picture: Picture, y: (at: number) => number): void {
  const look = colours();
  const step = tickStep(picture, Math.max(2, Math.floor((height - TOP) / 44)));
  context.font = '10px system-ui, sans-serif';
  context.textAlign = 'right';
  context.lineWidth = 1;
  for (let at = Math.ceil(picture.from / step) * step; at <= picture.to; at += step) {
    context.strokeStyle = look.grid;
    line(context, AXIS, y(at), width, y(at));
    context.fillStyle = look.muted;
    context.fillText(time(at), AXIS - 6, y(at) + 3.5);
  }
}

function shortName(run: Run, node: number): string {
  const name = nodeName(run.timeline, node).replace(/^node /, '');
  return name.length > 9 ? `${name.slice(0, 8)}…` : name;
}

function line(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function cross(context: CanvasRenderingContext2D, x: number, y: number): void {
  line(context, x - 4, y - 4, x + 4, y + 4);
  line(context, x + 4, y - 4, x - 4, y + 4);
}

function head(context: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  const turn = Math.atan2(y1 - y0, x1 - x0);
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x1 - 8 * Math.cos(turn - 0.42), y1 - 8 * Math.sin(turn - 0.42));
  context.lineTo(x1 - 8 * Math.cos(turn + 0.42), y1 - 8 * Math.sin(turn + 0.42));
  context.fill();
}

function label({ context }: Board, text: string, x: number, y: number): void {
  const look = colours();
  context.font = '10px system-ui, sans-serif';
  context.textAlign = 'center';
  context.lineWidth = 3;
  context.strokeStyle = look.card;
  context.strokeText(text, x, y);
  context.fillStyle = look.ink;
  context.fillText(text, x, y);
}
