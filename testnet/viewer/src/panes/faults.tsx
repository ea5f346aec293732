/** The fault lane on the scrubber: who was cut, killed, slow, lying, and when. Each span is a button that goes to its beginning. */
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { count, time } from '../format';
import { nodeName } from '../names';
import { seek } from '../play/playback';
import { placeIn, scrubRange } from '../play/range';
import { store, useStore } from '../store';
import type { Timeline } from '../timeline/types';
import { lanesOf, spansOf, type Span } from './lanes';

/** Most rows: the foot is always in sight, and must leave room. */
const ROWS = 3;
/** Most nodes that are named. */
const NAMED = 6;

/** The lane; nothing if nothing went wrong. */
export function Faults(): ComponentChildren {
  const run = useStore((state) => state.runs[state.shown]);
  const runs = useStore((state) => state.runs);
  const item = useStore((state) => state.item);
  const span = useStore((state) => state.span);
  const shown = useStore((state) => state.shown);
  const lanes = useMemo(() => (run === undefined ? [] : lanesOf(spansOf(run.model), ROWS)), [run]);
  const range = useMemo(() => scrubRange(store.state), [runs, shown, item, span]);
  if (run === undefined || lanes.length === 0) return null;
  const place = (at: number): number => Math.min(1, Math.max(0, placeIn(range, at))) * 100;
  return (
    <div class="faults" role="group" aria-label="What went wrong on purpose, over time">
      {lanes.map((lane, row) => (
        <div key={row} class="lane">
          {lane
            .filter((one) => one.to >= range.from && one.from <= range.to)
            .map((one, index) => (
              <button
                key={index}
                type="button"
                class={`fault ${family(one.kind)}`}
                style={`left: ${place(one.from)}%; width: max(6px, ${place(one.to) - place(one.from)}%)`}
                title={wordsOf(run.timeline, one)}
                aria-label={wordsOf(run.timeline, one)}
                onClick={() => seek(one.from)}
              >
                <span>{one.kind}</span>
              </button>
            ))}
        </div>
      ))}
    </div>
  );
}

/** What a span looks like: nodes that are gone, links that are cut, nodes that are slow, nodes that lie. */
export function family(kind: string): 'gone' | 'cut' | 'slow' | 'lies' {
  if (/lie|liar|lying|withhold|attack|spy|eclipse|spam/.test(kind)) return 'lies';
  if (/partition|cut|split|loss|lost|isolat|drop/.test(kind)) return 'cut';
  if (/slow|stall|lag|skew|delay|degrade|pause/.test(kind)) return 'slow';
  return 'gone';
}

function wordsOf(timeline: Timeline, { kind, from, to, isOver, text, nodes }: Span): string {
  const when = isOver ? `from ${time(from)} to ${time(to)}` : `from ${time(from)} on`;
  const named = nodes.slice(0, NAMED).map((node) => nodeName(timeline, node)).join(', ');
  const who = nodes.length === 0 ? '' : ` (${nodes.length > NAMED ? `${count(nodes.length, 'node')}: ${named}, …` : named})`;
  return `${kind} ${when}${text === '' ? '' : `: ${text}`}${who}`;
}
