/** Who has it, over time: the share of the nodes that have an item, by the item's age, for each run; or what is missing, to see the tail. */
import type { ComponentChildren } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { share, tick, time } from '../format';
import { seek } from '../play/playback';
import { store, useStore } from '../store';
import { ageAt, agesOf, coverageOn, evenGrid, type Ages } from './ages';
import { Chart, type Axis, type ChartMark, type Line } from './chart';
import { sameItem, useCompared, type Compared } from './compared';
import { SHARES } from './figures';
import { useLater } from './later';

/** Points of a curve: one for every two pixels of a wide card. */
const POINTS = 400;
/** The share of deliveries that the picture spans, so that a straggler doesn't squeeze all others to the left. */
const SPANS = 0.999;

/** What is drawn. */
interface Drawn {
  x: number[];
  lines: Line[];
  marks: ChartMark[];
  /** The least share that isn't nothing. */
  least: number;
  words: string;
}

/** The chart with its switch. */
export function Coverage(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const compared = useCompared();
  const item = useStore((state) => state.item);
  const shown = useStore((state) => state.shown);
  const [isTail, setTail] = useState(false);
  const key = compared.map(({ place }) => place).join();
  const drawn = useLater(frame, () => draw(compared, item, shown, isTail), [key, item, shown, isTail]);
  const axes = useMemo(() => axesOf(isTail, drawn?.least ?? 0.001), [isTail, drawn]);
  const of = item === null ? 'Of all items, on average' : `Of item ${item}`;
  return (
    <div ref={frame}>
      <div class="pane-head">
        <p class="note">
          {of}: {isTail ? 'the share of the nodes that still lack it. Where the line falls steeply, the last nodes are reached fast; where it is flat, there is a tail' : 'the share of the nodes that have it'}.
        </p>
        <div class="group" role="group" aria-label="What the curve shows">
          <button type="button" aria-pressed={!isTail} onClick={() => setTail(false)}>
            Has it
          </button>
          <button type="button" aria-pressed={isTail} title="1 − coverage, logarithmic: the tail" onClick={() => setTail(true)}>
            Lacks it
          </button>
        </div>
      </div>
      {drawn === undefined ? (
        <p class="computing">Computing …</p>
      ) : (
        <Chart
          label={`${of}, over its age. ${drawn.words}`}
          x={drawn.x}
          xAxis={axes.x}
          yAxis={axes.y}
          lines={drawn.lines}
          marks={drawn.marks}
          sync="age"
          moment={ageNow}
          onPick={toAge}
        />
      )}
    </div>
  );
}

/** Where the scrubber stands in the life of the chosen item, µs; null if none is chosen. */
export function ageNow(t: number): number | null {
  const { run } = store;
  const { item } = store.state;
  return run === undefined || item === null ? null : t - run.timeline.items.at[item];
}

/** Goes to a moment in the life of the chosen item. */
export function toAge(age: number): void {
  const { run } = store;
  const { item } = store.state;
  if (run !== undefined && item !== null) seek(run.timeline.items.at[item] + Math.max(0, age));
}

/** The ages of each run, of the chosen item or of all. */
export function agesOfEach(compared: readonly Compared[], item: number | null, shown: number): { one: Compared; ages: Ages }[] {
  const base = store.state.runs[shown];
  return compared.flatMap((one) => {
    const own = item === null || base === undefined ? item : sameItem(base, item, one.run);
    if (item !== null && own === null) return [];
    const ages = agesOf(one.run.model, own);
    return ages.expected === 0 ? [] : [{ one, ages }];
  });
}

function draw(compared: readonly Compared[], item: number | null, shown: number, isTail: boolean): Drawn {
  const each = agesOfEach(compared, item, shown);
  const ends = each.map(({ ages }) => ages.sorted[Math.max(0, Math.ceil((isTail ? 1 : SPANS) * ages.sorted.length) - 1)] ?? 0);
  const grid = evenGrid(Math.max(1000, ...ends) * 1.05, POINTS);
  const least = Math.min(0.1, ...each.map(({ ages }) => 1 / ages.expected));
  const lines = each.map(({ one, ages }): Line => {
    const covered = coverageOn(ages, grid);
    const values = Array.from(covered, (part) => (isTail ? (part >= 1 ? null : 1 - part) : part));
    return { name: one.run.name, colour: one.colour, dash: one.dash, values };
  });
  const marked = each.find(({ one }) => one.place === shown) ?? each[0];
  const marks = marked === undefined ? [] : SHARES.map((part) => ({ x: ageAt(marked.ages, part), text: `${part * 100} %`, colour: marked.one.colour }));
  const words = each.map(({ one, ages }) => `${one.run.name}: ${SHARES.map((part) => `${part * 100} % after ${time(ageAt(ages, part))}`).join(', ')}.`).join(' ');
  return { x: Array.from(grid), lines, marks, least, words };
}

function axesOf(isTail: boolean, least: number): { x: Axis; y: Axis } {
  return {
    x: { label: 'time since the item was made', words: time, ticks: tick },
    y: isTail
      ? { label: 'share of the nodes without it', isLog: true, range: [10 ** Math.floor(Math.log10(least)), 1], words: smallShare }
      : { label: 'share of the nodes that have it', range: [0, 1], words: share },
  };
}

/** A share that may be tiny: 12 %, 0.03 %. */
export function smallShare(part: number): string {
  return `${Number((part * 100).toPrecision(2))} %`;
}
