/** What the colours and shapes of the graph mean. */
import type { ComponentChildren } from 'preact';
import { time } from '../format';
import { useStore, type Run } from '../store';
import { FAMILIES, familyOf, FAMILY_WORDS, type Family } from '../timeline/families';
import { kindsUsed } from '../timeline/traffic';
import { FAMILY_COLOURS, isDark } from '../theme';
import { wave } from './palette';
import { delays, Radius } from './places';
import { useMemo } from 'preact/hooks';

const SHORT: Record<Family, string> = { announcement: 'announcement', request: 'request', item: 'transaction', block: 'block', repair: 'repair', other: 'other' };

/** The legend below the graph. */
export function Legend({ run, item }: { run: Run; item: number | null }): ComponentChildren {
  const colouring = useStore((state) => state.colouring);
  useStore((state) => state.theme);
  const families = useMemo(() => FAMILIES.filter((family) => kindsUsed(run.timeline).some((kind) => familyOf(run.timeline.header.kinds[kind]) === family)), [run]);
  const at99 = useMemo(() => (item === null ? 0 : new Radius(delays(run, item)).at99), [run, item]);
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
          {words.has('down') && <span class="key">⊗ down</span>}
          {words.has('paused') && <span class="key">⏸ paused</span>}
          {words.has('lying') && <span class="key lying">△ lies</span>}
          {words.has('slow') && <span class="key slow">□ slow</span>}
        </span>
      )}
      {item !== null && <span class="key">◎ made it</span>}
    </div>
  );
}

function Key({ colour, words }: { colour: string; words: string }): ComponentChildren {
  return (
    <span class="key">
      <i class={`node ${colour}`} style={colour === 'unaware' ? '' : `background: var(--${colour})`} /> {words}
    </span>
  );
}
