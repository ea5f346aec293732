/** The panel with the keys. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { BINDINGS, keyName } from '../play/keyboard';
import { store, useStore } from '../store';

/** All keys, over the page, while it is open. */
export function Help(): ComponentChildren {
  const isOpen = useStore((state) => state.help);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen && dialog.current?.open === false) dialog.current.showModal();
    if (!isOpen && dialog.current?.open === true) dialog.current.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="keys" onClose={() => store.set({ help: false })} onClick={(event) => event.target === event.currentTarget && store.set({ help: false })}>
      <div class="inside">
        <header>
          <h2 id="keys">Keys</h2>
          <button type="button" onClick={() => store.set({ help: false })}>
            Close
          </button>
        </header>
        <dl>
          {BINDINGS.map(({ keys, does }) => (
            <div key={does}>
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{keyName(key)}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <p>
          In the graph: drag moves it, pinch or Ctrl and the wheel zoom, a double click shows all again, a click chooses a node. Everything that is chosen is in the address:
          copy it to show somebody else the same.
        </p>
      </div>
    </dialog>
  );
}
