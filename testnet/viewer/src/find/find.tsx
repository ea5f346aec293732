/** The field by which nodes and items are found. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { chooseItem } from '../play/playback';
import { store, useStore } from '../store';
import { find, type Found } from './search';

const SHOWN = 8;
/** The role that WAI-ARIA's pattern has; the types know only fields with a `<datalist>` by it. */
const COMBOBOX: Record<string, string> = { role: 'combobox' };

function choose(found: Found): void {
  if (found.kind === 'node') store.set({ node: found.number });
  else chooseItem(found.number);
}

/** A field with a list of what fits. */
export function Find(): ComponentChildren {
  const run = useStore((state) => state.runs[state.shown]);
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const [isOpen, setOpen] = useState(false);
  if (run === undefined) return null;
  const all = find(run.timeline, text, SHOWN);
  const take = (found: Found | undefined): void => {
    if (found === undefined) return;
    choose(found);
    setText('');
    setOpen(false);
  };
  const listed = isOpen && text.trim() !== '';
  return (
    <div class="find">
      <input
        id="find"
        type="search"
        {...COMBOBOX}
        placeholder="Find a node or item"
        aria-label="Find a node or an item: number, name, hash, region"
        aria-expanded={listed && all.length > 0}
        aria-controls="found"
        aria-autocomplete="list"
        aria-activedescendant={listed && all.length > 0 ? `found-${active}` : undefined}
        autocomplete="off"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
          setOpen(true);
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setActive(Math.min(active + 1, all.length - 1));
          else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, 0));
          else if (event.key === 'Enter') {
            take(all[active]);
            // The page's keys work again.
            if (all[active] !== undefined) event.currentTarget.blur();
          } else if (event.key === 'Escape') {
            setText('');
            event.currentTarget.blur();
          } else return;
          event.preventDefault();
        }}
      />
      {listed && all.length === 0 && <p class="found none">Nothing has this number, name, hash or region.</p>}
      <ul id="found" role="listbox" class="found" aria-label="What was found" hidden={!listed || all.length === 0}>
        {listed &&
          all.map((found, place) => (
            <li
              key={`${found.kind}${found.number}`}
              id={`found-${place}`}
              role="option"
              aria-selected={place === active}
              onPointerDown={(event) => {
                event.preventDefault();
                take(found);
              }}
            >
              <span class={`sort ${found.kind}`}>{found.kind}</span> {found.text}
            </li>
          ))}
      </ul>
    </div>
  );
}
