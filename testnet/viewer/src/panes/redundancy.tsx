/** Redundancy over time, for each run: how many copies more than one a node got of an item. */
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { tick, time } from '../format';
import { seek } from '../play/playback';
import { endOfRuns } from '../store';
import { Chart, type Line } from './chart';
import { useCompared, type Compared } from './compared';
import { figuresOf } from './figures';
import { useLater } from './later';
import { middles, NO_MESSAGES, redundancyIn } from './windows';

/** Windows of a run. A guess: some hundreds of deliveries each, in a run of a thousand items. */
const WINDOWS = 80;

const X_AXIS = { label: 'time of the run', words: time, ticks: tick };
const Y_AXIS = { label: 'further copies per delivery', words: (value: number) => String(Number(value.toPrecision(3))) };

/** The chart. */
export function Redundancy(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const compared = useCompared();
  const drawn = useLater(frame, () => draw(compared), [compared.map(({ place }) => place).join()]);
  return (
    <div ref={frame}>
      <p class="note">Further copies of an item that a node got after its first, in windows of time; 0 is best.</p>
      {drawn !== undefined && drawn.lines.every((line) => line.values.every((value) => value === null)) ? (
        <p class="note">{NO_MESSAGES}</p>
      ) : drawn === undefined ? (
        <p class="computing">Computing …</p>
      ) : (
        <Chart label={`Redundancy over the run. ${drawn.words}`} x={drawn.x} xAxis={X_AXIS} yAxis={Y_AXIS} lines={drawn.lines} sync="run" moment={(t) => t} onPick={seek} />
      )}
    </div>
  );
}

function draw(compared: readonly Compared[]): { x: number[]; lines: Line[]; words: string } {
  const end = Math.max(1, endOfRuns(compared.map(({ run }) => run)));
  const lines = compared.map(({ run, colour, dash }) => ({ name: run.name, colour, dash, values: redundancyIn(run.timeline, end, WINDOWS) }));
  const words = compared.map(({ run }) => `${run.name}: ${figuresOf(run.model).redundancy?.toFixed(2) ?? 'no'} further copies in all.`).join(' ');
  return { x: Array.from(middles(end, WINDOWS)), lines, words };
}
