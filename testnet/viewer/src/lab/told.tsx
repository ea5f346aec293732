/** Of the shown run: what it is a fork of and what became different, how to run it elsewhere, and its link. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { clock } from '../format';
import { store, useStore } from '../store';
import { commandOf, manifestOf } from './command';
import { toLink } from './scenario';
import { close, labOf, undo, useSession, type Lab } from './session';

/** The card of the shown run. */
export function Told(): ComponentChildren {
  const run = useStore((state) => state.runs[state.shown]);
  useSession();
  if (run === undefined) return <p class="note">Nothing is simulated yet.</p>;
  const lab = labOf(run);
  if (lab === undefined) {
    return (
      <p class="note">
        {run.name} comes from a file. {run.timeline.header.source === 'simulated' ? 'Choose a node to do something to it: the run is simulated again from its seed, and forks there.' : 'It wasn’t simulated, and can’t be forked.'}
      </p>
    );
  }
  const { scenario, hash, ms, fork } = lab;
  const command = commandOf(scenario);
  const simulated = run.model.end / 1e3;
  return (
    <div class="told">
      {fork !== null && (
        <section class="fork" aria-labelledby="fork">
          <h3 id="fork">
            Two futures of {fork.of.name}, from {clock(fork.at)} on
          </h3>
          <Said fork={fork} />
          <div class="buttons">
            <button type="button" onClick={() => store.set({ t: fork.at, playing: false })}>
              Go to the fork
            </button>
            <button type="button" onClick={() => undo(run)}>
              Undo
            </button>
          </div>
        </section>
      )}
      {fork === null && <p class="note">Choose a node, go to a moment, and do something to it: the run forks there, and both futures stand beside each other.</p>}
      <dl class="facts">
        <div>
          <dt>Event hash</dt>
          <dd>
            <code class="hash">{hash}</code>
          </dd>
        </div>
        <div>
          <dt>Same as</dt>
          <dd>
            <code class="command">{command ?? 'tidings-testnet sim --manifest scenario.toml'}</code>
            <div class="buttons">
              <Copy words="Copy the command" text={command ?? manifestOf(scenario)} />
              <Copy words="Copy its manifest" text={manifestOf(scenario)} />
              <Copy words="Copy a link to it" text={`${location.href.split('#')[0]}#${toLink(scenario)}`} />
              <button type="button" onClick={() => close(run)}>
                Close this run
              </button>
            </div>
          </dd>
        </div>
        <div>
          <dt>Took</dt>
          <dd>
            {(ms / 1000).toFixed(1)} s for {clock(run.model.end)}: {(simulated / Math.max(1, ms)).toFixed(1)} times as fast as real time
          </dd>
        </div>
      </dl>
    </div>
  );
}

/** What became different, in sentences. */
export function Said({ fork }: { fork: NonNullable<Lab['fork']> }): ComponentChildren {
  return fork.said.map((sentence) => <p key={sentence}>{sentence}</p>);
}

/** A button that copies a text; where the browser doesn't let it, the text is shown to be copied by hand. */
function Copy({ words, text }: { words: string; text: string }): ComponentChildren {
  const [said, say] = useState<string | null>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      say(null);
      window.prompt(words, text);
    }
    setTimeout(() => say(null), 1500);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      {said ?? words}
    </button>
  );
}
