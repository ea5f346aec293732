/** A line chart: several runs over one axis, with marks, a line at the scrubber's moment, and a cursor that all charts of its kind share. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { store } from '../store';
import { colours, onColours, type Colours } from '../theme';

/** One line. */
export interface Line {
  name: string;
  /** The name of its colour in the style sheet. */
  colour: keyof Omit<Colours, 'isDark'>;
  dash: readonly number[];
  /** One value for each of the chart's `x`; null: nothing there. */
  values: readonly (number | null)[];
}

/** A moment that is named in the picture. */
export interface ChartMark {
  x: number;
  text: string;
  colour: Line['colour'];
}

/** An axis. */
export interface Axis {
  /** What it shows, with its unit. */
  label: string;
  isLog?: boolean;
  /** Where it begins and ends, if that isn't left to the data. */
  range?: [number, number];
  /** A value in words, with its unit: what is read at the cursor. */
  words: (value: number) => string;
  /** The same beside the axis, if it is written otherwise there. */
  ticks?: (value: number) => string;
}

/** What a chart is made of. */
export interface ChartProps {
  /** What is seen, in words, for those who don't see it. */
  label: string;
  x: readonly number[];
  xAxis: Axis;
  yAxis: Axis;
  lines: readonly Line[];
  marks?: readonly ChartMark[];
  /** Charts with the same name share their cursor. */
  sync?: string;
  /** Where on the x axis the scrubber stands; null: nowhere. */
  moment?: (t: number) => number | null;
  /** What a click at an x does. */
  onPick?: (x: number) => void;
}

const HEIGHT = 230;
const FONT = '11px system-ui, sans-serif';

/** The chart, and below it each line's name with its value at the cursor. */
export function Chart(props: ChartProps): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [at, setAt] = useState<number | null>(null);
  const [look, setLook] = useState(0);
  useEffect(() => onColours(() => setLook((count) => count + 1)), []);

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const made = new uPlot(options(latest, element.clientWidth, setAt), data(latest.current), element);
    plot.current = made;
    const line = document.createElement('div');
    line.className = 'moment';
    made.over.appendChild(line);
    const follow = (): void => {
      const x = latest.current.moment?.(store.state.t) ?? null;
      const left = x === null ? -1 : made.valToPos(x, 'x');
      const isIn = Number.isFinite(left) && left >= 0 && left <= made.over.clientWidth;
      line.hidden = !isIn;
      if (isIn) line.style.transform = `translateX(${left - 1}px)`;
    };
    const pick = (): void => {
      const { left } = made.cursor;
      if (left !== undefined && left >= 0) latest.current.onPick?.(made.posToVal(left, 'x'));
    };
    made.over.addEventListener('click', pick);
    const size = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== made.width) made.setSize({ width: element.clientWidth, height: HEIGHT });
      follow();
    });
    size.observe(element);
    const stop = store.subscribe((_, changed) => {
      if (changed.has('t') || changed.has('item')) follow();
    });
    follow();
    return () => {
      stop();
      size.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [props.x, props.lines, props.marks, props.xAxis.isLog, props.yAxis.isLog, props.xAxis.label, look]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const made = plot.current;
    if (made === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = props.x.length - 1;
    const now = at ?? 0;
    const step = Math.max(1, Math.round(last / 100));
    const places: Record<string, number> = { ArrowRight: now + step, ArrowLeft: now - step, Home: 0, End: last };
    if (event.key === 'Enter' && at !== null) props.onPick?.(props.x[at]);
    else if (event.key in places) {
      const place = Math.min(last, Math.max(0, places[event.key]));
      const [left, top] = [made.valToPos(props.x[place], 'x'), 10];
      made.setCursor({ left, top });
      // Only the mouse moves the other charts' cursors by itself.
      if (made.cursor.sync !== undefined) made.cursor.sync.values = [props.x[place], 0];
      if (props.sync !== undefined) uPlot.sync(props.sync).pub('mousemove', made, left, top, made.over.clientWidth, made.over.clientHeight, place);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="chart">
      <div ref={frame} class="plot" role="img" tabIndex={0} aria-label={`${props.label} Arrow keys read values.`} onKeyDown={onKeyDown} />
      <Legend {...props} at={at} />
    </div>
  );
}

function Legend({ lines, x, xAxis, yAxis, at }: ChartProps & { at: number | null }): ComponentChildren {
  return (
    <div class="legend">
      <span class="where">{at === null ? xAxis.label : `at ${xAxis.words(x[at])}`}</span>
      {lines.map((line) => {
        const value = at === null ? null : line.values[at];
        return (
          <span key={line.name}>
            <Swatch colour={line.colour} dash={line.dash} />
            {line.name}
            {at !== null && <strong>{value === null || value === undefined ? '–' : yAxis.words(value)}</strong>}
          </span>
        );
      })}
    </div>
  );
}

/** A short stroke as a line is drawn. */
export function Swatch({ colour, dash }: { colour: Line['colour']; dash: readonly number[] }): ComponentChildren {
  return (
    <svg class="swatch" viewBox="0 0 28 8" width="28" height="8" aria-hidden="true">
      <line x1="0" y1="4" x2="28" y2="4" stroke={`var(--${colour})`} stroke-width="2.5" stroke-dasharray={dash.join(' ')} />
    </svg>
  );
}

function data({ x, lines }: ChartProps): uPlot.AlignedData {
  return [x as number[], ...lines.map((line) => line.values as (number | null)[])];
}

function options(latest: { current: ChartProps }, width: number, onCursor: (at: number | null) => void): uPlot.Options {
  const { xAxis, yAxis, lines, sync } = latest.current;
  const look = colours();
  const axis = (of: Axis, more: Partial<uPlot.Axis>): uPlot.Axis => ({
    label: of.label,
    labelFont: FONT,
    labelSize: 18,
    font: FONT,
    stroke: look.muted,
    grid: { stroke: look.grid, width: 1 },
    ticks: { stroke: look.axis, width: 1, size: 4 },
    values: (_, splits) => splits.map((split) => (split === null ? '' : (of.ticks ?? of.words)(split))),
    ...(of.isLog === true ? { splits: (_, __, min, max) => logSplits(min, max), filter: (_, splits) => splits } : {}),
    ...more,
  });
  const scale = (of: Axis): uPlot.Scale => ({ time: false, distr: of.isLog === true ? 3 : 1, ...(of.range === undefined ? {} : { range: of.range }) });
  return {
    width: Math.max(1, width),
    height: HEIGHT,
    padding: [14, 14, 0, 0],
    legend: { show: false },
    scales: { x: scale(xAxis), y: scale(yAxis) },
    axes: [axis(xAxis, { size: 32, space: 64 }), axis(yAxis, { size: 58, space: 28 })],
    series: [
      {},
      ...lines.map((line) => ({ label: line.name, stroke: look[line.colour], width: 2, dash: [...line.dash], points: { show: false }, spanGaps: false })),
    ],
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      points: { size: 7 },
      ...(sync === undefined ? {} : { sync: { key: sync, scales: ['x', null] } }),
    },
    hooks: {
      setCursor: [(made) => onCursor(made.cursor.left === undefined || made.cursor.left < 0 ? null : (made.cursor.idx ?? null))],
      draw: [(made) => drawMarks(made, latest.current.marks ?? [])],
    },
  };
}

/** Round places on a logarithmic axis: 1, 2 and 5 times powers of ten, or these alone if there are many. */
export function logSplits(min: number, max: number): number[] {
  const [first, last] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  const factors = Math.log10(max / min) <= 2 ? [1, 2, 5] : [1];
  const splits: number[] = [];
  for (let power = first; power <= last; power++) {
    for (const factor of factors) {
      // 10 ** -1 is exact as a quotient only.
      const split = power < 0 ? factor / 10 ** -power : factor * 10 ** power;
      if (split >= min && split <= max) splits.push(split);
    }
  }
  return splits;
}

/** Marks as thin lines with their words at the top, each where there is room. */
function drawMarks(made: uPlot, marks: readonly ChartMark[]): void {
  const { ctx, bbox } = made;
  const look = colours();
  const density = uPlot.pxRatio;
  ctx.save();
  ctx.font = `${10 * density}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  let free = -Infinity;
  for (const mark of [...marks].sort((a, b) => a.x - b.x)) {
    if (!Number.isFinite(mark.x)) continue;
    const x = made.valToPos(mark.x, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = look[mark.colour];
    ctx.globalAlpha = 0.65;
    ctx.lineWidth = density;
    ctx.setLineDash([3 * density, 3 * density]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    const wide = ctx.measureText(mark.text).width;
    if (x - wide / 2 < free) continue;
    ctx.fillStyle = look.ink;
    ctx.fillText(mark.text, x, bbox.top - 4 * density);
    free = x + wide / 2 + 6 * density;
  }
  ctx.restore();
}
