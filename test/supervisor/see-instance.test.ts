import { describe, expect, test } from 'bun:test';
import type { Metadata } from '../../src/platform/metadata/metadata.ts';
import { parseSupervisorConfig } from '../../src/supervisor/config.ts';
import type { JournalEntry, Loaded } from '../../src/supervisor/journal.ts';
import { seeInstance, waitingForIdentity } from '../../src/supervisor/see-instance.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HERE = 'i-0123456789abcdef0';
const named = { instanceId: HERE, name: 'Mac-7' };

/** Only what the decision looks at. */
function journal(changes: Partial<JournalEntry>, bootId = 'this'): Loaded {
  const entry = { instanceId: null, named: null, settledNone: false, mark: { bootId }, ...changes } as JournalEntry;
  return { tag: 'found', entry };
}

const waiting = (source: string, loaded: Loaded, mayArm: boolean, name: string) => {
  const config = parseSupervisorConfig(`${name}\nmetadata: { source: ${source} }`, 'p.yml');
  return waitingForIdentity({ config, mayArm }, loaded, 'this');
};

const NEW = { tag: 'absent' } as const;
const SHORT = { limitMs: 5_500, again: false };

describe('whether a start waits for the metadata service', () => {
  test.each([
    ['no service here', 'none', NEW, false, '', undefined],
    ['a name that is set, no instance known', 'auto', NEW, false, 'name: x', undefined],
    ['no name', 'auto', NEW, false, '', SHORT],
    ['no name, and it was found that nobody is there', 'auto', journal({ settledNone: true }), false, '', undefined],
    ['no name, but one learnt in this boot', 'auto', journal({ instanceId: HERE, named }), false, '', undefined],
    ['a learnt name of another boot', 'auto', journal({ instanceId: HERE, named }, 'other'), false, '', SHORT],
    ['an instance must be there', 'ec2', NEW, false, 'name: x', SHORT],
    ['an instance must be there and is known', 'ec2', journal({ instanceId: HERE }), false, 'name: x', undefined],
    ['armable, first start', 'auto', NEW, true, 'name: x', { limitMs: 30_000, again: true }],
    ['armable, a lost journal', 'auto', { tag: 'spoiled', why: '' }, true, '', { limitMs: 5_500, again: true }],
    ['armable, all known', 'auto', journal({ instanceId: HERE, named }), true, '', undefined],
  ] as const)('%s', (_title, source, loaded, mayArm, name, expected) => {
    expect(waiting(source, loaded, mayArm, name)).toEqual(expected);
  });
});

describe('waiting', () => {
  const never = new AbortController().signal;

  /** A service that answers from the given time on. */
  function service(clock: FakeClock, fromMs: number) {
    const asked: number[] = [];
    const beganMs = clock.monoMs();
    const metadata = {
      identity: async () => {
        asked.push(clock.monoMs() - beganMs);
        if (clock.monoMs() - beganMs < fromMs) return { ok: false, problem: 'no network yet' };
        return { ok: true, value: { instanceId: HERE, launchedAtMs: 0, region: 'r' }, dateMs: 1 };
      },
      tag: async () => ({ ok: false, problem: 'none' }),
    } as unknown as Metadata;
    return { asked, metadata };
  }

  async function run(fromMs: number, again: boolean, limitMs = 5_500) {
    const clock = new FakeClock();
    const { asked, metadata } = service(clock, fromMs);
    const done: { result?: string } = {};
    const seeing = seeInstance({ metadata, clock, isNew: () => false }, { limitMs, again }, never).then((seen) => {
      done.result = seen?.launch.instanceId ?? 'nobody';
    });
    for (let step = 0; step < 100 && done.result === undefined; step += 1) await clock.advance(100);
    await seeing;
    return [done.result, asked.length];
  }

  test('once, where nobody need be there', async () => {
    expect(await run(1_000, false)).toEqual(['nobody', 1]);
  });
  test('again and again, where one must be', async () => {
    expect(await run(1_000, true)).toEqual([HERE, 3]);
  });
  test('not for ever', async () => {
    expect(await run(1e9, true)).toEqual(['nobody', 11]);
  });
  test('no longer than until told to stop', async () => {
    const clock = new FakeClock();
    const { metadata } = service(clock, 1e9);
    const stop = new AbortController();
    const seeing = seeInstance({ metadata, clock, isNew: () => false }, { limitMs: 5_500, again: true }, stop.signal);
    stop.abort();
    expect(await seeing).toBeUndefined();
  });
});
