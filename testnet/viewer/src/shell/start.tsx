/** What stands where no timeline is open: how to get one. Also what opens files. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { store } from '../store';
import { showFiles } from './opening';

/** A button that opens files. */
export function OpenButton({ words }: { words: string }): ComponentChildren {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="open" title="Open one timeline, or several to compare" onClick={() => input.current?.click()}>
        {words}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Timelines to open"
        onChange={(event) => {
          void showFiles(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

/** Takes files that are dropped anywhere on the page, and says that it would while they hover. */
export function DropZone(): ComponentChildren {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent): void => {
      if (hasFiles(event)) setOver(++depth > 0);
    };
    const leave = (event: DragEvent): void => {
      if (hasFiles(event)) setOver(--depth > 0);
    };
    const over = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      depth = 0;
      setOver(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      void showFiles(event.dataTransfer?.files ?? null);
    };
    const all = { dragenter: enter, dragleave: leave, dragover: over, drop } as const;
    for (const [name, listener] of Object.entries(all)) addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(all)) removeEventListener(name, listener as EventListener);
    };
  }, []);
  return isOver ? <div class="drop">Drop timelines here: one to look at, several to compare.</div> : null;
}

/** The page without a timeline. */
export function Start({ hasLab }: { hasLab: boolean }): ComponentChildren {
  return (
    <section class="card start" aria-labelledby="start">
      <h2 id="start">No timeline is open yet</h2>
      <p>
        A <strong>timeline</strong> is the record of one run: which node sent what to whom, when, and who had which transaction or block by then. This page plays it,
        forwards and backwards.
      </p>
      <ol>
        {hasLab && (
          <li>
            <button type="button" class="open" onClick={() => store.set({ lab: true })}>
              Simulate a network in this tab
            </button>
            , without any server.
          </li>
        )}
        <li>
          <OpenButton words="Open a file" /> or drop it on this page. Several files stand beside each other.
        </li>
        <li>
          Make one:
          <pre tabIndex={0}>
            <code>tidings-testnet sim --nodes 200 --trace run.tdt{'\n'}tidings-testnet view run.tdt</code>
          </pre>
        </li>
      </ol>
    </section>
  );
}
