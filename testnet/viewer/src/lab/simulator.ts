/** The simulator beside the page: where its module comes from, and how a scenario is run by it. */
import { fromBase64 } from '../sources';
import type { Answer, Figures, Order, Progress } from './protocol';
import script from './simulator.worker?bundle';

/** What a run came to. */
export interface Simulated {
  figures: Figures;
  /** The timeline as a file. */
  timeline: Uint8Array;
  /** What it took, ms. */
  ms: number;
}

/** A run that was refused, or stopped. Its message is a sentence. */
export class SimulatorError extends Error {}

/** Whether this page has a simulator: in it, or beside it on the server. */
export function hasSimulator(): boolean {
  return typeof document !== 'undefined' && document.getElementById('simulator') !== null;
}

/** The module's bytes. */
async function moduleBytes(): Promise<ArrayBuffer> {
  const element = document.getElementById('simulator');
  const text = element?.textContent ?? '';
  if (element?.getAttribute('type') !== 'application/json') return unpacked(fromBase64(text));
  const { url } = JSON.parse(text) as { url: string };
  const answer = await fetch(url);
  if (!answer.ok) throw new SimulatorError(`The server answered ${answer.status} to ${url}. Is tidings-testnet view still running?`);
  return unpacked(new Uint8Array(await answer.arrayBuffer()));
}

/** Bytes that gzip may have packed. */
async function unpacked(bytes: Uint8Array): Promise<ArrayBuffer> {
  const plain = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return new Response(isPacked ? plain.pipeThrough(new DecompressionStream('gzip')) : plain).arrayBuffer();
}

/** One worker, which runs one scenario at a time. */
export class Simulator {
  private worker: Worker | null = null;
  private module: Promise<ArrayBuffer> | null = null;
  private runs = 0;
  private stopped: ((error: SimulatorError) => void) | null = null;

  /** Runs a scenario (JSON text). Throws a {@link SimulatorError} with a sentence if it can't be run, or is stopped. */
  async run(scenario: string, look: (progress: Progress) => void): Promise<Simulated> {
    this.stop();
    const run = ++this.runs;
    this.module ??= moduleBytes();
    const module = await this.module;
    if (run !== this.runs) throw new SimulatorError('Stopped.');
    const isNew = this.worker === null;
    const worker = (this.worker ??= makeWorker());
    return new Promise((resolve, reject) => {
      this.stopped = reject;
      worker.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
        if (answer.run !== run) return;
        if (answer.is === 'progress') return look(answer.progress);
        this.stopped = null;
        if (answer.is === 'done') resolve({ figures: answer.figures, timeline: new Uint8Array(answer.timeline), ms: answer.ms });
        else reject(new SimulatorError(answer.problem));
      };
      worker.onerror = ({ message }) => reject(new SimulatorError(`The simulator can't be started here: ${message || 'this browser runs no worker'}.`));
      const order: Order = { run, scenario, module: isNew ? module : null };
      worker.postMessage(order);
    });
  }

  /** Ends the run that is under way, if there is one. */
  stop(): void {
    this.runs++;
    if (this.stopped === null) return;
    this.worker?.terminate();
    this.worker = null;
    this.stopped(new SimulatorError('Stopped.'));
    this.stopped = null;
  }
}

function makeWorker(): Worker {
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(address);
  URL.revokeObjectURL(address);
  return worker;
}
