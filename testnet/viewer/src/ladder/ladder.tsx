/** The ladder of a node: its messages with each neighbour, as arrows down the time; and the same as a table. */
import type { ComponentChildren } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { useCanvas } from '../canvas';
import { bytes, time, whole } from '../format';
import { nodeName } from '../names';
import { seek } from '../play/playback';
import { store, useStore, type Run } from '../store';
import { paintLadder } from './paint';
import { pictureOf, RUNGS_MAX, words, type Picture } from './rungs';

/** Pixels of height a message has, more or less. */
const ROW = 15;
const HEIGHT_MIN = 200;
const HEIGHT_MAX = 460;

/** The ladder, as a picture or as a table. */
export function Ladder({ run, node }: { run: Run; node: number }): ComponentChildren {
  const item = useStore((state) => state.item);
  // With an item the ladder is that of its whole life, and only the line of the moment moves.
  const t = useStore((state) => (state.item === null ? Math.round(state.t / 20_000) * 20_000 : 0), 250);
  const [isTable, setTable] = useState(false);
  const picture = useMemo(() => pictureOf(run, node, item, item === null ? store.state.t : 0), [run, node, item, t]);
  const { ladder } = picture;
  return (
    <div class="ladder">
      <div class="caption">
        <h3>
          {item === null ? 'Its last messages with its neighbours' : `Its messages about item ${item}`}
          {ladder.total > ladder.rungs.length && <span class="sort"> last {RUNGS_MAX} of {whole(ladder.total)}</span>}
        </h3>
        <div class="group" role="group" aria-label="How messages are shown">
          <button type="button" aria-pressed={!isTable} onClick={() => setTable(false)}>
            Ladder
          </button>
          <button type="button" aria-pressed={isTable} onClick={() => setTable(true)}>
            Table
          </button>
        </div>
      </div>
      {ladder.rungs.length === 0 ? (
        <p class="none">{item === null ? 'No message to or from it in the last rounds.' : 'No message about this item came to it or left it.'}</p>
      ) : isTable ? (
        <Table run={run} node={node} picture={picture} />
      ) : (
        <Drawing run={run} node={node} picture={picture} />
      )}
    </div>
  );
}

function Drawing({ run, node, picture }: { run: Run; node: number; picture: Picture }): ComponentChildren {
  const canvas = useRef<HTMLCanvasElement>(null);
  const height = Math.min(HEIGHT_MAX, Math.max(HEIGHT_MIN, picture.ladder.rungs.length * ROW + 60));
  useCanvas(canvas, ['t', 'item', 'node'], (board) => paintLadder(board, run, node, picture, store.state.t));
  return (
    <canvas
      ref={canvas}
      role="img"
      style={`height: ${height}px`}
      aria-label={`${picture.ladder.rungs.length} messages between ${nodeName(run.timeline, node)} and ${picture.peers.length} neighbours, downwards in time. The table has the same in words.`}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const part = (event.clientY - box.top - 34) / (box.height - 44);
        seek(picture.from + Math.min(1, Math.max(0, part)) * (picture.to - picture.from));
      }}
    />
  );
}

function Table({ run, node, picture }: { run: Run; node: number; picture: Picture }): ComponentChildren {
  const { timeline } = run;
  const name = nodeName(timeline, node);
  return (
    <div class="scroll tall" tabIndex={0} role="region" aria-label={`Messages of ${name}`}>
      <table>
        <caption>Messages of {name}, in the order of sending. A time moves the scrubber.</caption>
        <thead>
          <tr>
            <th scope="col" class="number">
              Sent
            </th>
            <th scope="col">Message</th>
            <th scope="col">With</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col" class="number">
              Bytes
            </th>
          </tr>
        </thead>
        <tbody>
          {picture.ladder.rungs.map((rung) => (
            <tr key={rung.row}>
              <td class="number">
                <button type="button" class="link" onClick={() => seek(rung.sent)}>
                  {time(rung.sent)}
                </button>
              </td>
              <td>
                {rung.isOut ? '→ ' : '← '}
                {words(run, rung)}
              </td>
              <td>
                <button type="button" class="link" onClick={() => store.set({ node: rung.peer })}>
                  {nodeName(timeline, rung.peer)}
                </button>
              </td>
              <td class="number">{Number.isFinite(rung.arrived) ? time(rung.arrived - rung.sent) : 'lost'}</td>
              <td class="number">{bytes(timeline.messages.bytes[rung.row])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
