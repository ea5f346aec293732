/** The buttons beside the scrubber: play, steps, jumps, speed, and where we are. */
import type { ComponentChildren } from 'preact';
import { clock, count, share, time } from '../format';
import { jumpTo, stepEvent, stepRound, toEnd, toggle, toStart } from '../play/playback';
import { SPEEDS } from '../play/speeds';
import { store, useStore } from '../store';

/** The foot of the page without the slider. */
export function Controls(): ComponentChildren {
  const playing = useStore((state) => state.playing);
  const run = useStore((state) => state.runs[state.shown]);
  const item = useStore((state) => state.item);
  const round = run === undefined ? '' : `: ${time(run.model.round)}`;
  const what = item === null ? 'of all deliveries' : 'of the nodes';
  return (
    <div class="controls">
      <div class="group" role="group" aria-label="Play and step">
        <Button label="To the beginning (Home)" icon="start" does={toStart} />
        <Button label="A round back, one median latency (Shift ←)" icon="roundBack" does={() => stepRound(-1)} />
        <Button label="The event before (←)" icon="back" does={() => stepEvent(-1)} />
        <button type="button" class="play" aria-label={playing ? 'Pause (space)' : 'Play (space)'} title={playing ? 'Pause (space)' : 'Play (space)'} onClick={toggle}>
          <Icon name={playing ? 'pause' : 'play'} />
        </button>
        <Button label="The next event (→)" icon="next" does={() => stepEvent(1)} />
        <Button label={`A round forwards, one median latency${round} (Shift →)`} icon="roundNext" does={() => stepRound(1)} />
        <Button label="To the end (End)" icon="end" does={toEnd} />
      </div>
      <Now />
      <div class="group jumps" role="group" aria-label="Jump to a share">
        {[0.5, 0.9, 0.99].map((part, place) => (
          <button key={part} type="button" title={`To ${part * 100} % ${what} (${place + 1})`} onClick={() => jumpTo(part)}>
            {part * 100} %
          </button>
        ))}
      </div>
      <SpanSwitch />
      <Speed />
    </div>
  );
}

function Now(): ComponentChildren {
  const t = useStore((state) => state.t, 50);
  const run = useStore((state) => state.runs[state.shown]);
  const item = useStore((state) => state.item);
  const since = run !== undefined && item !== null ? t - run.timeline.items.at[item] : null;
  return (
    <p class="now">
      <strong>{clock(t)}</strong>
      {since !== null && since >= 0 && <span class="since">{time(since)} after item {item} was made</span>}
      {run !== undefined && (
        <span class="covered">
          {share(run.model.coverage(item, t))}
          <span class="rest">{item === null ? ` of ${count(run.model.itemsUntil(t), 'item')} × ${count(run.timeline.nodes.rows, 'node')} delivered` : ' of the nodes have it'}</span>
        </span>
      )}
    </p>
  );
}

function SpanSwitch(): ComponentChildren {
  const span = useStore((state) => state.span);
  const item = useStore((state) => state.item);
  if (item === null) return null;
  return (
    <div class="group spans" role="group" aria-label="What the scrubber spans">
      <button type="button" aria-pressed={span === 'run'} title="The scrubber spans the whole run (z)" onClick={() => store.set({ span: 'run' })}>
        Run
      </button>
      <button type="button" aria-pressed={span === 'item'} title="The scrubber spans the life of the chosen item (z)" onClick={() => store.set({ span: 'item' })}>
        Item
      </button>
    </div>
  );
}

function Speed(): ComponentChildren {
  const speed = useStore((state) => state.speed);
  return (
    <label class="speed">
      <span class="unseen">Speed, simulated seconds a second</span>
      <select value={String(speed)} title="Speed, simulated seconds a second (↑ ↓)" onChange={(event) => store.set({ speed: Number(event.currentTarget.value) })}>
        {(SPEEDS.includes(speed) ? SPEEDS : [...SPEEDS, speed].sort((a, b) => a - b)).map((one) => (
          <option key={one} value={String(one)}>
            {one}×
          </option>
        ))}
      </select>
    </label>
  );
}

function Button({ label, icon, does }: { label: string; icon: IconName; does: () => void }): ComponentChildren {
  return (
    <button type="button" aria-label={label} title={label} onClick={does}>
      <Icon name={icon} />
    </button>
  );
}

const ICONS = {
  play: 'M8 5v14l11-7z',
  pause: 'M7 5h4v14H7zM13 5h4v14h-4z',
  next: 'M7 6l8 6-8 6zM16 6h2v12h-2z',
  back: 'M17 6l-8 6 8 6zM6 6h2v12H6z',
  roundNext: 'M4 6l7 6-7 6zM12 6l7 6-7 6z',
  roundBack: 'M20 6l-7 6 7 6zM12 6l-7 6 7 6z',
  start: 'M5 5h2v14H5zM19 5L9 12l10 7z',
  end: 'M17 5h2v14h-2zM5 5l10 7-10 7z',
};
type IconName = keyof typeof ICONS;

function Icon({ name }: { name: IconName }): ComponentChildren {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={ICONS[name]} fill="currentColor" />
    </svg>
  );
}
