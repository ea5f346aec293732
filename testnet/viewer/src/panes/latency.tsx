/** How long deliveries took: their distribution, for each run, over a logarithmic axis. */
import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { share, tick, time } from '../format';
import { useStore } from '../store';
import { ageAt, distributionOn, geometricGrid } from './ages';
import { Chart, type Axis, type ChartMark, type Line } from './chart';
import { useCompared, type Compared } from './compared';
import { ageNow, agesOfEach, toAge } from './coverage';
import { useLater } from './later';

const POINTS = 400;
/** Where the axis begins at the latest, µs: nobody has anything over a network sooner. A guess. */
const BEGIN = 1000;

const Y_AXIS = { label: 'share of deliveries', range: [0, 1] as [number, number], words: share };

interface Drawn {
  x: number[];
  lines: Line[];
  marks: ChartMark[];
  words: string;
}

/** The chart. */
export function Latency(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const compared = useCompared();
  const item = useStore((state) => state.item);
  const shown = useStore((state) => state.shown);
  const key = compared.map(({ place }) => place).join();
  const drawn = useLater(frame, () => draw(compared, item, shown), [key, item, shown]);
  const xAxis = useMemo((): Axis => {
    const range: [number, number] | undefined = drawn === undefined ? undefined : [drawn.x[0], drawn.x[drawn.x.length - 1]];
    return { label: 'longest time that they took, logarithmic', isLog: true, range, words: time, ticks: tick };
  }, [drawn]);
  const what = item === null ? 'Every first delivery over the network, of all items' : `The deliveries of item ${item}`;
  return (
    <div ref={frame}>
      <p class="note">{what}. What never came counts as not yet there.</p>
      {drawn === undefined ? (
        <p class="computing">Computing …</p>
      ) : (
        <Chart
          label={`Distribution of how long deliveries took. ${drawn.words}`}
          x={drawn.x}
          xAxis={xAxis}
          yAxis={Y_AXIS}
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

function draw(compared: readonly Compared[], item: number | null, shown: number): Drawn {
  const each = agesOfEach(compared, item, shown);
  const last = Math.max(10 * BEGIN, ...each.map(({ ages }) => ages.sorted.at(-1) ?? 0));
  const firsts = each.map(({ ages }) => ages.sorted[ages.own]).filter((first) => first !== undefined && first > 0);
  const grid = geometricGrid(Math.max(1, Math.min(last / 10, ...(firsts.length > 0 ? firsts : [BEGIN])) * 0.9), last * 1.02, POINTS);
  const lines = each.map(({ one, ages }) => ({ name: one.run.name, colour: one.colour, dash: one.dash, values: Array.from(distributionOn(ages, grid)) }));
  const ofRun = each.find(({ one }) => one.place === shown) ?? each[0];
  const middle = ofRun === undefined ? [] : [{ x: ageAt(ofRun.ages, 0.5), text: `median ${time(ageAt(ofRun.ages, 0.5))}`, colour: ofRun.one.colour }];
  const words = each.map(({ one, ages }) => `${one.run.name}: half took at most ${time(ageAt(ages, 0.5))}, 99 % at most ${time(ageAt(ages, 0.99))}.`).join(' ');
  return { x: Array.from(grid), lines, marks: middle, words };
}
