/** Runs scenarios beside the page, so that it stays quick. One at a time; to stop one, the page ends the worker. */
import { Refused, run } from './module';
import type { Answer, Order } from './protocol';

/** How often the page is told how far a run is, ms. */
const EVERY_MS = 80;

const scope = self as unknown as { onmessage: (event: MessageEvent<Order>) => void; postMessage: (answer: Answer, transfer?: Transferable[]) => void };
let module: WebAssembly.Module | null = null;

scope.onmessage = ({ data: order }) => {
  const say = (answer: Answer, transfer: Transferable[] = []): void => scope.postMessage(answer, transfer);
  try {
    if (order.module !== null) module = new WebAssembly.Module(order.module);
    if (module === null) throw new Refused('The simulator isn’t there.');
    const began = performance.now();
    let told = 0;
    const { figures, timeline } = run(module, order.scenario, (progress) => {
      const now = performance.now();
      if (now - told < EVERY_MS) return;
      told = now;
      say({ run: order.run, is: 'progress', progress });
    });
    say({ run: order.run, is: 'done', figures, timeline: timeline.buffer, ms: performance.now() - began }, [timeline.buffer]);
  } catch (error) {
    say({ run: order.run, is: 'refused', problem: sentenceOf(error) });
  }
};

function sentenceOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  // Out of memory, most likely: the module has no other way to stop.
  const what = error instanceof Error ? error.message : String(error);
  return `The simulator stopped (${what}). It may have run out of memory: try fewer nodes or transactions.`;
}
