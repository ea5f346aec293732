/** The form: what to simulate, and how far that is. */
import type { ComponentChildren } from 'preact';
import { count } from '../format';
import { PRESETS } from './presets';
import { runDraft, setDraft, stop, useSession } from './session';
import { LINKS, OVERLAYS, settingsOf, STRATEGIES, withSettings, type Settings } from './settings';

/** Bounds of the form's numbers: the simulator's own, as tidings_sim_wasm::run has them for a tab. */
const NUMBERS = {
  nodes: { label: 'Nodes', min: 2, max: 10_000, step: 1, title: 'A tab takes up to 10,000' },
  txs: { label: 'Transactions', min: 1, max: 100_000, step: 1, title: 'How many are submitted' },
  rate: { label: 'Each second', min: 0.01, max: 10_000, step: 'any', title: 'How many transactions are submitted a second' },
  fanout: { label: 'Fanout', min: 1, max: 16, step: 1, title: 'How many peers a round goes to, of strategies that have rounds' },
  loss: { label: 'Loss, %', min: 0, max: 100, step: 'any', title: 'Which share of relay messages vanishes' },
  seed: { label: 'Seed', min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, title: 'The same seed gives the same run, to the last event' },
} as const;

/** The form. */
export function Form(): ComponentChildren {
  const { draft, busy, progress, problem } = useSession();
  const settings = settingsOf(draft);
  const change = <Key extends keyof Settings>(key: Key, value: Settings[Key]): void => setDraft(withSettings(draft, { ...settings, [key]: value }));
  const chosen = PRESETS.find(({ scenario }) => scenario === draft);
  return (
    <form
      class="lab-form"
      onSubmit={(event) => {
        event.preventDefault();
        void runDraft();
      }}
    >
      <label class="wide">
        Scenario
        <select
          value={chosen?.name ?? ''}
          onChange={(event) => {
            const preset = PRESETS.find(({ name }) => name === event.currentTarget.value);
            if (preset !== undefined) setDraft(preset.scenario);
          }}
        >
          <option value="" disabled={chosen !== undefined}>
            of one’s own
          </option>
          {PRESETS.map(({ name, words }) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <Choice label="Strategy" value={settings.strategy} among={STRATEGIES} onChange={(value) => change('strategy', value)} />
      <Choice label="Network" value={settings.overlay} among={OVERLAYS} onChange={(value) => change('overlay', value)} />
      <Choice label="Links" value={settings.link} among={Object.entries(LINKS).map(([name, { words }]) => [name, words] as const)} onChange={(value) => change('link', value)} />
      {(Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]).map((key) => {
        const { label, ...bounds } = NUMBERS[key];
        return (
          <label key={key} class="short">
            {label}
            <input type="number" required {...bounds} value={settings[key]} onChange={(event) => change(key, event.currentTarget.valueAsNumber)} />
          </label>
        );
      })}
      <div class="go">
        {busy === null ? (
          <button key="run" type="submit" class="run-it">
            Run
          </button>
        ) : (
          // Another element, by its key: one that turned into "Run" within the click would submit the form.
          <button key="stop" type="button" onClick={stop}>
            Stop
          </button>
        )}
        <p role="status">
          {busy !== null && (
            <>
              {busy}:{' '}
              {progress === null
                ? 'the network is set up'
                : `${progress.simulated_s.toFixed(1)} s simulated, ${count(progress.delivered, 'delivery', 'deliveries')} of ${progress.pairs.toLocaleString('en-GB')}`}
            </>
          )}
        </p>
        {busy !== null && <progress aria-label="Deliveries so far" max={progress?.pairs ?? 1} value={progress?.delivered ?? 0} />}
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

function Choice({ label, value, among, onChange }: { label: string; value: string; among: readonly (readonly [string, string])[]; onChange: (value: string) => void }): ComponentChildren {
  const isKnown = among.some(([name]) => name === value);
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {!isKnown && <option value={value}>{value}</option>}
        {among.map(([name, words]) => (
          <option key={name} value={name}>
            {name}: {words}
          </option>
        ))}
      </select>
    </label>
  );
}
