import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, manifestOf } from '../../src/lab/command';
import { secondsAt, sharedUntil, writtenItem } from '../../src/lab/futures';
import { PRESETS } from '../../src/lab/presets';
import { cutFrom, deedWords, fromLink, toLink, withDeed, type Deed, type Scenario } from '../../src/lab/scenario';
import { FIRST, settingsOf, withSettings } from '../../src/lab/settings';
import { fromHash, toHash } from '../../src/permalink';
import { Store } from '../../src/store';
import { decode } from '../../src/timeline/decode';
import { encode } from '../generator/encode';
import { flood } from '../generator/flood';

test('a deed is one more entry behind all others, at its moment', () => {
  const base: Scenario = { seed: 3, fault: [{ kind: 'loss', share: 0.1 }], write: [{ at_s: 0.5, node: 1 }] };
  const kept = structuredClone(base);
  const added = (deed: Deed): unknown => withDeed(base, deed, 1.2345678)?.fault?.[1];
  assert.deepEqual(withDeed(base, { name: 'write', node: 7 }, 1.2345678)?.write, [{ at_s: 0.5, node: 1 }, { at_s: 1.234568, node: 7 }]);
  assert.deepEqual(added({ name: 'kill', node: 7 }), { kind: 'crash', nodes: [7], at_s: 1.234568 });
  assert.deepEqual(added({ name: 'pause', node: 7 }), { kind: 'pause', nodes: [7], for_s: 2, at_s: 1.234568 });
  assert.deepEqual(added({ name: 'lie', node: 7 }), { kind: 'liar', nodes: [7], say: 'all', at_s: 1.234568 });
  assert.deepEqual(added({ name: 'slow', node: 7 }), { kind: 'slow', nodes: [7], by_ms: 500, at_s: 1.234568 });
  assert.deepEqual(added({ name: 'cut', node: 7, other: 3 }), { kind: 'cut', links: [[3, 7]], mode: 'break', at_s: 1.234568 });
  assert.deepEqual(added({ name: 'silence', node: 3, other: 7 }), { kind: 'cut', links: [[3, 7]], at_s: 1.234568 });
  assert.deepEqual(base, kept, 'what was stays as it was');
  assert.equal(withDeed(base, { name: 'write', node: 7 }, -3)?.write?.[1].at_s, 0, 'not before the first submission');
});

test('what a user did ends at a later moment, and what holds others too does not', () => {
  const killed = withDeed({}, { name: 'kill', node: 7 }, 1) as Scenario;
  assert.deepEqual(withDeed(killed, { name: 'revive', node: 7 }, 1.3)?.fault, [{ kind: 'crash', nodes: [7], at_s: 1, restart_after_s: 0.3 }]);
  assert.equal(withDeed(killed, { name: 'revive', node: 8 }, 1.3), null);
  assert.equal(withDeed(killed, { name: 'revive', node: 7 }, 0.9), null, 'it lives then');
  const two: Scenario = { fault: [{ kind: 'crash', nodes: [7, 8], at_s: 1 }] };
  assert.equal(withDeed(two, { name: 'revive', node: 7 }, 2), null, 'node 8 would come back as well');
  const cut = withDeed(killed, { name: 'cut', node: 9, other: 2 }, 1.5) as Scenario;
  assert.deepEqual([cutFrom(cut, 2, 2), cutFrom(cut, 9, 2), cutFrom(cut, 9, 1)], [[9], [2], []]);
  const mended = withDeed(cut, { name: 'mend', node: 2, other: 9 }, 2) as Scenario;
  assert.deepEqual(mended.fault?.[1], { kind: 'cut', links: [[2, 9]], mode: 'break', at_s: 1.5, for_s: 0.5 });
  assert.deepEqual(cutFrom(mended, 2, 3), []);
  const liar = withDeed({}, { name: 'lie', node: 1 }, 0.5) as Scenario;
  assert.equal(withDeed(liar, { name: 'truth', node: 1 }, 2)?.fault?.[0].for_s, 1.5);
  assert.equal(deedWords({ name: 'cut', node: 1, other: 2 }), 'cut 1–2');
});

test('a link brings back its scenario, beside what else the address says', () => {
  const scenario = withDeed(FIRST, { name: 'cut', node: 7, other: 3 }, 1.5) as Scenario;
  const hash = `#t=5&${toLink(scenario)}`;
  assert.deepEqual(fromLink(hash), scenario);
  assert.equal(fromHash(hash).t, 5);
  assert.ok(toHash(new Store().state, hash).endsWith(toLink(scenario)), 'the address keeps it');
  assert.equal(fromLink('#t=5'), null);
  for (const wrong of ['#lab=%7B', '#lab=%', '#lab=5', '#lab=%5B%5D', '#lab=%7B%22fault%22%3A5%7D', `#lab=${'x'.repeat(300_000)}`]) {
    assert.equal(typeof fromLink(wrong), 'string', wrong.slice(0, 40));
  }
});

test('the form reads a scenario, and lays over it only what it changes', () => {
  const scenario: Scenario = { seed: 4, params: { relay: { strategy: 'push', round_ms: 500 } }, fault: [{ kind: 'loss', share: 0.125 }, { kind: 'crash', nodes: [3] }], spies: 0.1 };
  const settings = settingsOf(scenario);
  assert.deepEqual([settings.strategy, settings.seed, settings.loss, settings.nodes, settings.fanout], ['push', 4, 12.5, 500, 3]);
  assert.deepEqual(withSettings(scenario, settings), scenario);
  const other = withSettings(scenario, { ...settings, nodes: 50, strategy: 'pull', link: 'constant', loss: 0 });
  assert.deepEqual(other, { ...scenario, network: { nodes: 50 }, link: { model: 'constant', latency_ms: 50 }, params: { relay: { strategy: 'pull', round_ms: 500 } }, fault: [{ kind: 'crash', nodes: [3] }] });
  for (const { name, scenario: preset } of PRESETS) assert.deepEqual(withSettings(preset, settingsOf(preset)), preset, name);
  assert.ok(PRESETS.length > 10);
});

test('a scenario is told as a command line, or as a manifest', () => {
  const scenario: Scenario = {
    seed: 11,
    network: { nodes: 200 },
    link: { model: 'constant', latency_ms: 50 },
    workload: { txs: 20, sizes: { fixed: 400 } },
    params: { relay: { strategy: 'push' }, peers: { outbound: 6 } },
    fault: [{ kind: 'crash', nodes: [3, 4], at_s: 0.5 }, { kind: 'cut', links: [[3, 4], [5, 6]], at_s: 1 }],
    write: [{ at_s: 0.25, node: 7 }],
    origin: null,
  };
  assert.equal(
    commandOf(scenario),
    'tidings-testnet sim --seed 11 --nodes 200 --links constant:latency_ms=50 --txs 20 --size 400 --strategy push --param peers.outbound=6 ' +
      '--fault crash:nodes=3+4,at_s=0.5 --fault cut:links=3-4+5-6,at_s=1 --write at_s=0.25,node=7',
  );
  assert.equal(commandOf({ network: { bridges: 5 } }), null, 'no flag says it');
  const manifest = manifestOf(scenario);
  for (const line of ['seed = 11\n', '[network]\nnodes = 200\n', '[[fault]]\nkind = "crash"\nnodes = [3, 4]\nat_s = 0.5\n', '[[write]]\nat_s = 0.25\nnode = 7\n', '[workload]\nkind = "transfers"\ntxs = 20\nsizes = { fixed = 400 }\n', 'relay = { strategy = "push" }\n']) {
    assert.ok(manifest.includes(line), `${line} in ${manifest}`);
  }
  assert.ok(manifest.startsWith('seed = 11\n'), 'what has no table comes first');
});

test('two runs share what happened before they part', async () => {
  const made = flood({ nodes: 30, degree: 4, items: 10, rate: 20, seed: 4 });
  const [one, same, other] = await Promise.all([made, made, flood({ nodes: 30, degree: 4, items: 10, rate: 20, seed: 5 })].map((run) => decode(encode(run))));
  const until = one.deliveries.at[100];
  const whole = sharedUntil(one, same, until);
  assert.ok(whole.isAll && whole.events > 100);
  assert.ok(!sharedUntil(one, other, until).isAll);
  assert.equal(writtenItem(one, one.items.origin[3] - 1, one.items.at[3]), 3);
  assert.equal(writtenItem(one, one.items.origin[3] - 1, one.items.at[3] + 50), null);
  assert.equal(secondsAt(one, -5), 0);
});

test('a run that is closed leaves what is shown in its place', async () => {
  const store = new Store();
  const timeline = await decode(encode(flood({ nodes: 10, degree: 3, items: 3, rate: 20, seed: 4 })));
  for (const name of ['a', 'b', 'c']) store.addRun(name, timeline);
  store.set({ shown: 2, beside: 0 });
  store.removeRun(store.state.runs[1]);
  assert.deepEqual([store.run?.name, store.state.beside], ['c', 0]);
  store.removeRun(store.state.runs[0]);
  assert.deepEqual([store.run?.name, store.state.beside], ['c', null]);
  store.removeRun(store.state.runs[0]);
  assert.equal(store.run, undefined);
});
