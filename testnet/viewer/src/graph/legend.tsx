/** What the colours and shapes of the graph mean. */
import type { ComponentChildren } from 'preact';
import { time } from '../format';
import { useStore, type Run } from '../store';
import { FAMILIES, familyOf, FAMILY_WORDS, type Family } from '../timeline/families';
import { FAMILY_COLOURS, isDark } from '../theme';
import { wave } from './palette';
import { scaleEnd } from './scene';
import { useMemo } from 'preact/hooks';

const SHORT: Record<Family, string> = { announcement: 'announcement', request: 'request', item: 'transaction', block: 'block', repair: 'repair', other: 'other' };

/** The legend below the graph. */
export function Legend({ run, item }: { run: Run; item: number | null }): ComponentChildren {
  const colouring = useStore((state) => state.colouring);
  useStore((state) => state.theme);
  const families = useMemo(() => FAMILIES.filter((family) => run.model.kindsUsed().some((kind) => familyOf(run.timeline.header.kinds[kind]) === family)), [run]);
  const at99 = useMemo(() => (item === null ? 0 : scaleEnd(run, item)), [run, item]);
  const words = new Set(run.timeline.states.rows === 0 ? [] : [...new Set(run.timeline.states.state)].map((state) => run.timeline.header.states[state]));
  return (
    <div class="legend">
      {item === null || colouring === 'arrival' ? (
        <span class="scale">
          <span>{item === null ? 'has all' : 'had it at once'}</span>
          <i style={`background: linear-gradient(90deg, ${wave(isDark()).join(', ')})`} />
          <span>{item === null ? 'has few' : `after ${time(at99)} (99 %)`}</span>
          <span class="key">
            <i class="node unaware" /> {item === null ? 'has none' : 'not yet'}
          </span>
        </span>
      ) : (
        <span class="states">
          <Key colour="unaware" words="knows nothing" />
          <Key colour="sky" words="heard of it" />
          <Key colour="orange" words="asked for it" />
          <Key colour="green" words="has it" />
        </span>
      )}
      <span class="families">
        {families.map((family) => (
          <span key={family} class="key" title={FAMILY_WORDS[family]}>
            <i class="dot" style={`background: var(--${FAMILY_COLOURS[family]})`} /> {SHORT[family]}
          </span>
        ))}
        <span class="key">
          <i class="cross">×</i> lost
        </span>
      </span>
      {words.size > 0 && (
        <span class="shapes">
          {words.has('down') && <Shape path="M2 2L10 10M10 2L2 10" colour="ink" words="down" />}
          {words.has('paused') && <Shape path="M4 2V10M8 2V10" colour="ink" words="paused" />}
          {words.has('lying') && <Shape path="M6 1L11 10H1Z" colour="vermilion" words="lies" />}
          {words.has('slow') && <Shape path="M1.5 1.5H10.5V10.5H1.5Z" colour="purple" words="slow" />}
        </span>
      )}
      {item !== null && <Shape path="M9 6A3 3 0 1 1 3 6A3 3 0 1 1 9 6M11.2 6A5.2 5.2 0 1 1 .8 6A5.2 5.2 0 1 1 11.2 6" colour="ink" words="made it" />}
    </div>
  );
}

/** A shape that marks nodes, as the graph has it. */
function Shape({ path, colour, words }: { path: string; colour: string; words: string }): ComponentChildren {
  return (
    <span class="key">
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path d={path} fill="none" stroke={`var(--${colour})`} stroke-width="1.5" />
      </svg>{' '}
      {words}
    </span>
  );
}

function Key({ colour, words }: { colour: string; words: string }): ComponentChildren {
  return (
    <span class="key">
      <i class={`node ${colour}`} style={colour === 'unaware' ? '' : `background: var(--${colour})`} /> {words}
    </span>
  );
}
