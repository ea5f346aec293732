/** The scrubber: one slider over time for all that is shown, by mouse, touch and keyboard. */
import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { useCanvas, type Board } from '../canvas';
import { clock, share, time } from '../format';
import { seek, stepEvent, stepRound, toEnd, toStart } from '../play/playback';
import { placeIn, scrubRange, type Range } from '../play/range';
import { store, useStore } from '../store';
import type { Mark } from '../timeline/types';
import { colours } from '../theme';
import { bustle, spread } from './curve';

/** Points of a curve; it is stretched to the scrubber's width. */
const POINTS = 600;
const TICKS = [1, 2, 5];
/** Most named moments that are drawn. */
const NAMED_MAX = 50;
const NONE: readonly Mark[] = [];

/** The slider itself, with its curve and its marks. */
export function Scrubber(): ComponentChildren {
  const canvas = useRef<HTMLCanvasElement>(null);
  const run = useStore((state) => state.runs[state.shown]);
  const item = useStore((state) => state.item);
  const span = useStore((state) => state.span);
  const shown = useStore((state) => state.shown);
  const runs = useStore((state) => state.runs);
  const t = useStore((state) => Math.round(state.t), 120);
  const range = useMemo(() => scrubRange(store.state), [runs, shown, item, span]);
  const curve = useMemo(
    () => (run === undefined ? new Float64Array(POINTS) : item === null ? bustle(run, range, POINTS) : spread(run, item, range, POINTS)),
    [run, item, range],
  );
  const marks = useMemo(() => (run === undefined ? [] : [0.5, 0.9, 0.99].map((part) => ({ part, at: run.model.moments.reached(part, item) }))), [run, item]);
  const named = run?.timeline.header.marks ?? NONE;
  useCanvas(canvas, ['t'], (board) => {
    paint(board, range, curve, marks, item === null);
    paintNamed(board, range, named);
  });

  const toPointer = (event: PointerEvent): void => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    seek(range.from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (range.to - range.from));
  };
  const words = named.map((mark) => `${clock(mark.at_us)}: ${mark.text}`).join('\n');
  const coverage = run === undefined ? '' : `, ${share(run.model.coverage(item, t))} covered`;
  return (
    <div
      class="scrubber"
      role="slider"
      tabIndex={0}
      aria-label={item === null ? 'Moment of the run' : `Moment in the life of item ${item}`}
      aria-valuemin={Math.round(range.from)}
      aria-valuemax={Math.round(range.to)}
      aria-valuenow={Math.min(Math.round(range.to), Math.max(Math.round(range.from), t))}
      aria-valuetext={`${clock(t)}${coverage}`}
      aria-description={words === '' ? undefined : words}
      title={words === '' ? undefined : words}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        event.currentTarget.focus();
        toPointer(event);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) toPointer(event);
      }}
      onKeyDown={(event) => onKey(event)}
    >
      <canvas ref={canvas} aria-hidden="true" />
    </div>
  );
}

/** Keys that a slider must have beyond the page's own. */
function onKey(event: KeyboardEvent): void {
  const doings: Record<string, () => void> = {
    ArrowUp: () => stepEvent(1),
    ArrowDown: () => stepEvent(-1),
    PageUp: () => stepRound(1),
    PageDown: () => stepRound(-1),
    Home: toStart,
    End: toEnd,
  };
  const does = doings[event.key];
  if (does === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  does();
}

interface MarkAt {
  part: number;
  at: number;
}

function paint(board: Board, range: Range, curve: Float64Array, marks: readonly MarkAt[], isBustle: boolean): void {
  const { context, width, height } = board;
  const look = colours();
  const foot = height - 16;
  const now = placeIn(range, store.state.t) * width;
  context.fillStyle = look.grid;
  context.fillRect(0, 4, width, foot - 4);
  for (const [from, to, alpha] of [[0, width, 0.35], [0, now, 1]]) {
    context.save();
    context.beginPath();
    context.rect(from, 0, Math.max(0, to - from), height);
    context.clip();
    context.globalAlpha = alpha;
    context.fillStyle = isBustle ? look.sky : look.blue;
    context.beginPath();
    context.moveTo(0, foot);
    for (let point = 0; point < curve.length; point++) {
      context.lineTo(((point + 0.5) / curve.length) * width, foot - curve[point] * (foot - 6));
    }
    context.lineTo(width, foot);
    context.fill();
    context.restore();
  }
  paintAxis(board, range, foot);
  context.font = '10px system-ui, sans-serif';
  context.textAlign = 'center';
  let free = -Infinity;
  for (const { part, at } of marks) {
    const x = placeIn(range, at) * width;
    if (!(x >= 0 && x <= width)) continue;
    context.fillStyle = look.ink;
    context.globalAlpha = 0.55;
    context.fillRect(x - 0.5, 4, 1, foot - 4);
    context.globalAlpha = 1;
    if (x > free) {
      context.textAlign = x > width - 32 ? 'right' : 'left';
      context.fillText(`${Math.round(part * 100)} %`, x > width - 32 ? x - 3 : x + 3, 13);
      free = x + 32;
    }
  }
  context.fillStyle = look.vermilion;
  context.fillRect(now - 1, 0, 2, foot + 2);
  context.beginPath();
  context.arc(Math.min(width - 6, Math.max(6, now)), 6, 6, 0, 7);
  context.fill();
  context.strokeStyle = look.card;
  context.lineWidth = 2;
  context.stroke();
}

/** Moments that somebody gave a name: a dotted line, and what fits of the name. */
function paintNamed(board: Board, range: Range, named: readonly Mark[]): void {
  const { context, width, height } = board;
  const look = colours();
  context.save();
  context.setLineDash([2, 3]);
  context.font = '10px system-ui, sans-serif';
  context.textAlign = 'left';
  let free = -Infinity;
  for (const { at_us, text } of [...named].sort((a, b) => a.at_us - b.at_us).slice(0, NAMED_MAX)) {
    const x = placeIn(range, at_us) * width;
    if (x < 0 || x > width) continue;
    context.strokeStyle = look.ink;
    context.beginPath();
    context.moveTo(x, 14);
    context.lineTo(x, height - 16);
    context.stroke();
    if (x < free) continue;
    const short = text.length > 34 ? `${text.slice(0, 33)}…` : text;
    const wide = context.measureText(short).width;
    context.fillStyle = look.ink;
    context.fillText(short, x + 4 + wide > width ? x - 4 - wide : x + 4, 27);
    free = x + wide + 12;
  }
  context.restore();
}

function paintAxis(board: Board, range: Range, foot: number): void {
  const { context, width, height } = board;
  const look = colours();
  const step = tickStep(range, Math.max(2, Math.floor(width / 90)));
  context.font = '10px system-ui, sans-serif';
  context.fillStyle = look.muted;
  for (let at = Math.ceil(range.from / step) * step; at <= range.to; at += step) {
    const x = placeIn(range, at) * width;
    context.fillRect(x - 0.5, foot, 1, 4);
    context.textAlign = x < 20 ? 'left' : x > width - 24 ? 'right' : 'center';
    context.fillText(at === 0 ? '0' : time(at), Math.min(width, Math.max(0, x)), height - 2);
  }
}

/** A round step of 1, 2 or 5 times a power of ten, so that a range has at most `most` ticks. */
export function tickStep(range: Range, most: number): number {
  const least = Math.max(1, (range.to - range.from) / most);
  const power = 10 ** Math.floor(Math.log10(least));
  return (TICKS.find((tick) => tick * power >= least) ?? 10) * power;
}
