/** What can be done to the chosen node at the moment where the scrubber stands. Each forks the run. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { nodeName } from '../names';
import { useStore, type Run } from '../store';
import { secondsAt } from './futures';
import { cutFrom, endable, PAUSE_S, SLOW_MS, type Deed } from './scenario';
import { fork, labOf, scenarioOfRun, undo, useSession } from './session';
import { Said } from './told';

/** The buttons in the node's card. */
export function Deeds(): ComponentChildren {
  const run = useStore((state) => state.runs[state.shown]);
  const node = useStore((state) => state.node);
  const t = useStore((state) => state.t, 150);
  const { busy, problem } = useSession();
  if (run === undefined || node === null) return null;
  const scenario = scenarioOfRun(run);
  if (scenario === null) {
    const why = run.timeline.header.source === 'simulated' ? 'its seed is too large for a browser' : 'it wasn’t simulated';
    return <p class="note">Nothing can be done to this run: {why}.</p>;
  }
  const done = labOf(run)?.fork ?? null;
  const { up, paused, lying, slow } = run.model.stateOf(node, t);
  const seconds = secondsAt(run.timeline, t);
  const can = (name: 'revive' | 'truth' | 'quick'): boolean => endable(scenario, { name, node }, seconds) !== null;
  const Do = ({ deed, title, children }: { deed: Deed; title: string; children: ComponentChildren }): ComponentChildren => (
    <button type="button" title={title} disabled={busy !== null} onClick={() => void fork(run, deed)}>
      {children}
    </button>
  );
  return (
    <div class="deeds" role="group" aria-label={`What to do to node ${node} now`}>
      <h3>What if, from this moment on …</h3>
      <div class="buttons">
        {up && !paused && (
          <button type="button" class="write" title="Submit one more transaction here, now" disabled={busy !== null} onClick={() => void fork(run, { name: 'write', node })}>
            WRITE
          </button>
        )}
        {up && <Do deed={{ name: 'kill', node }} title="It crashes and forgets everything; its peers notice">Kill</Do>}
        {!up && can('revive') && <Do deed={{ name: 'revive', node }} title="It starts again, with the addresses that it knew">Revive</Do>}
        {!up && !can('revive') && <p class="note">It is down. Go on in time to have it revived, if it was killed here.</p>}
        {up && !paused && <Do deed={{ name: 'pause', node }} title="It stands still; what reaches it waits">Pause {PAUSE_S} s</Do>}
        {up && !lying && <Do deed={{ name: 'lie', node }} title="It says what isn’t true, in every way that the laboratory knows">Make it lie</Do>}
        {lying && can('truth') && <Do deed={{ name: 'truth', node }} title="It lies no longer">Make it honest</Do>}
        {up && !slow && <Do deed={{ name: 'slow', node }} title="What it sends and is sent takes longer">Slow by {SLOW_MS} ms</Do>}
        {slow && can('quick') && <Do deed={{ name: 'quick', node }} title="It is slow no longer">Make it quick</Do>}
      </div>
      <CutALink run={run} node={node} t={t} cut={cutFrom(scenario, node, seconds)} isBusy={busy !== null} />
      {busy !== null && <p class="note">{busy} is simulated …</p>}
      {problem !== null && <p class="problem">{problem}</p>}
      {done !== null && done.deed.node === node && (
        <div class="fork">
          <Said fork={done} />
          <div class="buttons">
            <button type="button" onClick={() => undo(run)}>
              Undo
            </button>
          </div>
        </div>
      )}
    </div>
  );
}

/** Who is linked with a node at `t`, ascending. */
export function neighboursAt(run: Run, node: number, t: number): number[] {
  const { from, to } = run.timeline.links;
  const live = run.model.linksOf(node).filter((link) => run.model.isLinkUp(link, t));
  return [...new Set(live.map((link) => (from[link] === node ? to[link] : from[link])))].sort((a, b) => a - b);
}

function CutALink({ run, node, t, cut, isBusy }: { run: Run; node: number; t: number; cut: number[]; isBusy: boolean }): ComponentChildren {
  const [chosen, choose] = useState<number | null>(null);
  const neighbours = neighboursAt(run, node, t);
  const all = [...new Set([...neighbours, ...cut])].sort((a, b) => a - b);
  if (all.length === 0) return <p class="note">It has no link now.</p>;
  const other = chosen !== null && all.includes(chosen) ? chosen : all[0];
  const isCut = cut.includes(other);
  const act = (name: 'cut' | 'silence' | 'mend'): void => void fork(run, { name, node, other });
  return (
    <div class="buttons">
      <label>
        Its link with{' '}
        <select value={other} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {all.map((one) => (
            <option key={one} value={one}>
              {nodeName(run.timeline, one)}
              {cut.includes(one) ? ' (cut)' : ''}
            </option>
          ))}
        </select>
      </label>
      {!isCut && (
        <button type="button" disabled={isBusy} title="It breaks, and can’t be made again" onClick={() => act('cut')}>
          Cut
        </button>
      )}
      {!isCut && (
        <button type="button" disabled={isBusy} title="It stays, but what is sent over it is lost" onClick={() => act('silence')}>
          Silence
        </button>
      )}
      {isCut && (
        <button type="button" disabled={isBusy} title="Both may hear each other again" onClick={() => act('mend')}>
          Mend
        </button>
      )}
    </div>
  );
}
