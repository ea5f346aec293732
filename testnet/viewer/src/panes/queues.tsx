/** What waited in nodes, over time: the median node, the 99th of a hundred, and the highest. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { bytes, count, tick, time, whole } from '../format';
import { nodeName } from '../names';
import { seek } from '../play/playback';
import { store, useStore, type Run } from '../store';
import { Chart, type Line } from './chart';
import { useLater } from './later';
import { lengthsOf, type Lengths, type Queue } from './windows';

const WINDOWS = 240;

interface Kind {
  queue: Queue;
  button: string;
  label: string;
  words: (value: number) => string;
}

const KINDS: readonly Kind[] = [
  { queue: 'queued', button: 'Bytes', label: 'bytes on their way to a node', words: bytes },
  { queue: 'waiting', button: 'Announcements', label: 'announcements that wait to leave a node', words: whole },
  { queue: 'asked', button: 'Requests', label: 'requests of a node in flight', words: whole },
];

/** The chart with its switch. */
export function Queues(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const run = useStore((state) => state.runs[state.shown]);
  const [which, setWhich] = useState(0);
  const kind = KINDS[which];
  const drawn = useLater(frame, () => (run === undefined ? undefined : draw(run, kind)), [run, which]);
  const isEmpty = run !== undefined && run.timeline.samples.rows === 0;
  return (
    <div ref={frame}>
      <div class="pane-head">
        <p class="note">{isEmpty ? 'This timeline has no samples of queues.' : `Over all nodes: ${kind.label}.`}</p>
        <div class="group" role="group" aria-label="Which queue">
          {KINDS.map(({ queue, button, label }, place) => (
            <button key={queue} type="button" aria-pressed={place === which} title={label} onClick={() => setWhich(place)}>
              {button}
            </button>
          ))}
        </div>
      </div>
      {isEmpty ? null : drawn === undefined || run === undefined ? (
        <p class="computing">Computing …</p>
      ) : (
        <>
          <Chart
            label={`${kind.label} over the run.`}
            x={drawn.lengths.at}
            xAxis={X_AXIS}
            yAxis={drawn.axis}
            lines={drawn.lines}
            sync="run"
            moment={(t) => t}
            onPick={seek}
          />
          <Worst run={run} lengths={drawn.lengths} words={kind.words} />
        </>
      )}
    </div>
  );
}

const X_AXIS = { label: 'time of the run', words: time, ticks: tick };

function Worst({ run, lengths, words }: { run: Run; lengths: Lengths; words: (value: number) => string }): ComponentChildren {
  const { worst } = lengths;
  if (worst === null) return <p class="note">Nothing ever waited, in {count(run.timeline.samples.rows, 'sample')}.</p>;
  return (
    <p class="note">
      The highest: {words(worst.length)} at{' '}
      <button type="button" onClick={() => store.set({ node: worst.node, t: worst.at })}>
        {nodeName(run.timeline, worst.node)}, {time(worst.at)}
      </button>
    </p>
  );
}

function draw(run: Run, kind: Kind): { lengths: Lengths; lines: Line[]; axis: { label: string; words: (value: number) => string } } {
  const lengths = lengthsOf(run.timeline, kind.queue, run.model.end, WINDOWS);
  const lines: Line[] = [
    { name: 'median node', colour: 'blue', dash: [], values: lengths.median },
    { name: '99 % of nodes', colour: 'orange', dash: [9, 4], values: lengths.high },
    { name: 'highest node', colour: 'vermilion', dash: [2, 3], values: lengths.most },
  ];
  return { lengths, lines, axis: { label: kind.label, words: kind.words } };
}
