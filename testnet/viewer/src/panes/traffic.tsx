/** Bytes by node and kind of message, up to the scrubber's moment: a heat map, and a table of the kinds. */
import type { ComponentChildren } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { useCanvas, type Board } from '../canvas';
import { bytes, count, share, whole } from '../format';
import { nodeName, regionOf } from '../names';
import { store, useStore, type Run } from '../store';
import { colours } from '../theme';
import { brightness, bytesOf, nodesAt, orderOf, totalsOf, type Order } from './heat';
import { useSeen } from './later';
import { NO_MESSAGES } from './windows';

/** Height of a kind's row, px. */
const ROW = 20;
/** How often text follows the scrubber, ms. */
const EVERY = 200;

/** A cell that is read: places in the order. */
interface Cell {
  node: number;
  row: number;
}

/** The pane. */
export function Traffic(): ComponentChildren {
  const frame = useRef<HTMLDivElement>(null);
  const isSeen = useSeen(frame);
  const run = useStore((state) => state.runs[state.shown]);
  return <div ref={frame}>{run?.timeline.messages.rows === 0 ? <p class="note">{NO_MESSAGES}</p> : run !== undefined && isSeen ? <Heat key={state(run)} run={run} /> : <p class="computing">Computing …</p>}</div>;
}

const numbers = new WeakMap<Run, number>();
let next = 0;
/** A number of its own for each run. */
function state(run: Run): number {
  if (!numbers.has(run)) numbers.set(run, next++);
  return numbers.get(run) as number;
}

function Heat({ run }: { run: Run }): ComponentChildren {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { model, timeline } = run;
  const nodes = timeline.nodes.rows;
  // The order is that of the whole run: rows that move while it plays can't be read.
  const order = useMemo(() => orderOf(model.bytesByNodeAndKind(model.end), nodes), [run]);
  const [cell, setCell] = useState<Cell | null>(null);
  const t = useStore((now) => now.t, EVERY);
  const now = model.bytesByNodeAndKind(t);
  useCanvas(canvas, ['node'], (board) => paint(board, run, order, cell, store.state.t));
  const rows = order.columns.length;
  const kindName = (row: number): string => timeline.header.kinds[now.kinds[order.columns[row]]];

  const toPointer = (event: PointerEvent): Cell | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (x < 0 || y < 0 || x >= box.width || y >= rows * ROW) return null;
    return { node: nodesAt(Math.floor(x), box.width, nodes).from, row: Math.floor(y / ROW) };
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = cell ?? { node: 0, row: 0 };
    const step = event.shiftKey ? 20 : 1;
    const moves: Record<string, Cell> = {
      ArrowRight: { ...at, node: Math.min(nodes - 1, at.node + step) },
      ArrowLeft: { ...at, node: Math.max(0, at.node - step) },
      ArrowDown: { ...at, row: Math.min(rows - 1, at.row + 1) },
      ArrowUp: { ...at, row: Math.max(0, at.row - 1) },
      Home: { ...at, node: 0 },
      End: { ...at, node: nodes - 1 },
    };
    if (event.key === 'Enter') store.set({ node: order.nodes[at.node] });
    else if (event.key in moves) setCell(moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const totals = totalsOf(now, order);
  const all = totals.reduce((sum, total) => sum + total.bytes, 0);
  return (
    <>
      <p class="note">
        Bytes that each node had sent by the scrubber's moment, {bytes(all)} in all. Nodes stand from left to right, the one that sends most in the whole run
        first; the darker a cell, the more bytes (logarithmic).
      </p>
      <div class="heat">
        <div class="heat-kinds" aria-hidden="true">
          {order.columns.map((_, row) => (
            <span key={row} style={`height: ${ROW}px`}>
              {kindName(row)}
            </span>
          ))}
        </div>
        <canvas
          ref={canvas}
          style={`height: ${rows * ROW}px`}
          role="img"
          tabIndex={0}
          aria-label={`Heat map of bytes sent by ${count(nodes, 'node')} and ${count(rows, 'kind')} of message. Arrow keys read cells, Enter chooses a node.`}
          onPointerMove={(event) => setCell(toPointer(event))}
          onPointerLeave={() => setCell(null)}
          onClick={() => {
            if (cell !== null) store.set({ node: order.nodes[cell.node] });
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <Scale most={order.most} />
      <p class="readout" role="status">
        {cell === null ? 'Point at a cell, or use the arrow keys, to read it.' : cellWords(run, order, cell, t, kindName(cell.row))}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Bytes by kind of message">
        <table>
          <caption>Bytes sent by the scrubber's moment, by kind of message</caption>
          <thead>
            <tr>
              <th scope="col">Kind</th>
              {['Bytes', 'Share', 'Median node', 'Most by one node'].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {totals.map((total) => (
              <tr key={total.kind}>
                <th scope="row">{timeline.header.kinds[total.kind]}</th>
                {[bytes(total.bytes), share(all === 0 ? 0 : total.bytes / all), bytes(total.median), bytes(total.most)].map((words, index) => (
                  <td key={index} class="number">
                    {words}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Scale({ most }: { most: number }): ComponentChildren {
  return (
    <p class="heat-scale">
      <span>0 B</span>
      <span class="ramp" aria-hidden="true" />
      <span>{bytes(most)}</span>
    </p>
  );
}

function cellWords(run: Run, order: Order, cell: Cell, t: number, kind: string): string {
  const node = order.nodes[cell.node];
  const now = run.model.bytesByNodeAndKind(t);
  const sent = now.table[node * now.kinds.length + order.columns[cell.row]];
  const region = regionOf(run.timeline, node);
  return `${nodeName(run.timeline, node)}${region === '' ? '' : ` (${region})`}, ${whole(cell.node + 1)}. by bytes: ${bytes(sent)} of ${kind}, ${bytes(bytesOf(now, node))} in all`;
}

/** One colour, from the page's to its strongest. */
function paint(board: Board, run: Run, order: Order, cell: Cell | null, t: number): void {
  const { context, width, density } = board;
  const look = colours();
  const now = run.model.bytesByNodeAndKind(t);
  const nodes = order.nodes.length;
  const wide = Math.min(Math.round(width * density), nodes);
  const shades = shadesOf(look.stage, look.blue);
  order.columns.forEach((column, row) => {
    for (let place = 0; place < wide; place++) {
      const { from, to } = nodesAt(place, wide, nodes);
      let most = 0;
      for (let at = from; at < to; at++) most = Math.max(most, now.table[order.nodes[at] * now.kinds.length + column]);
      context.fillStyle = shades[Math.round(brightness(most, order.most) * (shades.length - 1))];
      const [left, right] = [(place * width) / wide, ((place + 1) * width) / wide];
      context.fillRect(left, row * ROW, right - left + 0.5, ROW - 1);
    }
  });
  const chosen = store.state.node;
  const at = chosen === null ? -1 : order.nodes.indexOf(chosen);
  const box = (node: number, top: number, height: number, colour: string): void => {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.strokeRect((node * width) / nodes - 1, top, Math.max(3, width / nodes + 1), height);
  };
  if (at >= 0) box(at, 1, order.columns.length * ROW - 2, look.vermilion);
  if (cell !== null) box(cell.node, cell.row * ROW, ROW, look.ink);
}

let kept: { key: string; shades: string[] } | undefined;

/** 65 shades between two colours of the style sheet (#rrggbb). */
function shadesOf(from: string, to: string): string[] {
  const key = from + to;
  if (kept?.key === key) return kept.shades;
  const parts = (colour: string): number[] => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const [a, b] = [parts(from), parts(to)];
  const shades = Array.from({ length: 65 }, (_, step) => `rgb(${a.map((low, index) => Math.round(low + ((b[index] - low) * step) / 64)).join(' ')})`);
  kept = { key, shades };
  return shades;
}
