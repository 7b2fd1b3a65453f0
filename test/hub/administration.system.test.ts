import { describe, expect, test } from 'bun:test';
import { HubAdministration } from '../../src/hub/administration.ts';
import { Fleet } from '../../src/hub/fleet.ts';
import { DEFAULT_POOL_SETTINGS } from '../../src/hub/pool-model.ts';
import { IdSource } from '../../src/hub/store/ids.ts';
import { findPool } from '../../src/hub/store/pools.ts';
import { findToken, listTokenRecords } from '../../src/hub/store/tokens.ts';
import { AppError } from '../../src/lib/errors.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { HubUnderTest } from './heart-harness.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const HOUR_MS = 3_600_000;

async function refusalOf(call: Promise<unknown>): Promise<AppError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

async function rig(engine: Engine) {
  const made = await engine.open();
  const clock = new FakeClock();
  const ids = new IdSource(0, clock.wallMs, () => 0);
  const fleet = new Fleet(clock);
  const desk = { setDisabled: async () => {} };
  const administration = new HubAdministration({
    store: made.store,
    fleet,
    desk,
    changes: { notify: () => {} },
    ids,
    clock,
  });
  return { ...made, clock, administration };
}

onBothEngines('pools and tokens', (engine) => {
  engine.test('pools keep what was set, and take the defaults for the rest', async () => {
    await using the = await rig(engine);
    const { administration } = the;
    const made = await administration.createPool('macs', { queueLimitSeconds: 0 });
    expect(made).toMatchObject({ name: 'macs', workers: 0, tokens: 0 });
    expect(made.settings).toEqual({ ...DEFAULT_POOL_SETTINGS, queueLimitSeconds: 0 });
    await administration.updatePool('macs', { maxHoldSeconds: 0, maxWorkers: 3 });
    expect((await the.store.read((sql) => findPool(sql, 'macs')))?.settings).toEqual({
      ...DEFAULT_POOL_SETTINGS,
      queueLimitSeconds: 0,
      maxHoldSeconds: 0,
      maxWorkers: 3,
    });
    await administration.updatePool('macs', { maxWorkers: null });
    expect((await administration.listPools())[0]?.settings.maxWorkers).toBe(null);
    expect((await refusalOf(administration.createPool('macs'))).message).toBe('there is a pool "macs" already');
    await administration.createToken({ pool: 'macs' });
    await administration.removePool('macs');
    expect([await administration.listPools(), await administration.listTokens()]).toEqual([[], []]);
  });

  engine.test('a token is shown once, stored as a hash, and ends when it should', async () => {
    await using the = await rig(engine);
    const { administration, clock } = the;
    await administration.createPool('macs');
    const { view, token } = await administration.createToken({ pool: 'macs', note: 'rack 7', expiresInMs: HOUR_MS });
    expect(view).toMatchObject({ kind: 'registration', pool: 'macs', role: null, note: 'rack 7', state: 'valid' });
    expect(view.expiresAt).toBe('2026-01-01T01:00:00.000Z');
    const stored = JSON.stringify(await the.store.read(listTokenRecords));
    expect([stored.includes(token), JSON.stringify(view).includes(token)]).toEqual([false, false]);
    await clock.advance(HOUR_MS - 1);
    expect((await administration.listTokens())[0]?.state).toBe('valid');
    await clock.advance(1);
    expect((await administration.listTokens())[0]?.state).toBe('expired');
    expect((await administration.listPools())[0]?.tokens).toBe(0);
    expect((await refusalOf(administration.rotateToken(view.id, 0))).message).toBe(`token ${view.id} is expired`);
  });

  engine.test('a rotated token is good for the overlap, its successor for as long as the first was', async () => {
    await using the = await rig(engine);
    const { administration, clock } = the;
    await administration.createPool('macs');
    const first = await administration.createToken({ pool: 'macs', note: 'n', expiresInMs: 10 * HOUR_MS });
    await clock.advance(5 * HOUR_MS);
    const second = await administration.rotateToken(first.view.id, HOUR_MS);
    expect(second.view).toMatchObject({ pool: 'macs', note: 'n', expiresAt: '2026-01-01T15:00:00.000Z' });
    expect(second.token).not.toBe(first.token);
    const stateOf = async (id: string) => (await administration.listTokens()).find((token) => token.id === id)?.state;
    await clock.advance(HOUR_MS - 1);
    expect([await stateOf(first.view.id), await stateOf(second.view.id)]).toEqual(['valid', 'valid']);
    await clock.advance(1);
    expect([await stateOf(first.view.id), await stateOf(second.view.id)]).toEqual(['expired', 'valid']);
  });

  engine.test('an imported token works as it is, again and again, and only in one pool', async () => {
    await using the = await rig(engine);
    const { administration } = the;
    await administration.createPool('macs');
    await administration.createPool('linux');
    const token = 'v4a1bc2d3e4f5061728394';
    const view = await administration.importToken({ pool: 'macs' }, token);
    expect(await administration.importToken({ pool: 'macs' }, token)).toEqual(view);
    expect((await the.store.read((sql) => findToken(sql, token)))?.pool).toBe('macs');
    const elsewhere = await refusalOf(administration.importToken({ pool: 'linux' }, token));
    expect(elsewhere.message).toBe(`this hub knows that token already: ${view.id}, valid`);
    await administration.revokeToken(view.id);
    expect((await refusalOf(administration.importToken({ pool: 'macs' }, token))).message).toContain('revoked');
  });

  engine.test('tokens of people have a role, and lists can be narrowed', async () => {
    await using the = await rig(engine);
    const { administration } = the;
    await administration.createPool('macs');
    await administration.createToken({ pool: 'macs' });
    const { view } = await administration.createToken({ role: 'read' });
    expect(view).toMatchObject({ kind: 'api', pool: null, role: 'read' });
    expect((await administration.rotateToken(view.id, 0)).view).toMatchObject({ kind: 'api', role: 'read' });
    expect((await administration.listTokens({ kind: 'api' })).map(({ kind }) => kind)).toEqual(['api', 'api']);
    expect((await administration.listTokens({ pool: 'macs' })).map(({ kind }) => kind)).toEqual(['registration']);
  });

  engine.test('what cannot be is refused with a remedy', async () => {
    await using the = await rig(engine);
    const { administration } = the;
    const refused: [() => Promise<unknown>, AppError['code'], string][] = [
      [() => administration.createPool('../x'), 'USAGE', 'the name of a pool cannot be "../x"'],
      [() => administration.createPool('a', { maxHoldSeconds: 21 }), 'USAGE', 'maxHoldSeconds cannot be 21'],
      [() => administration.createPool('a', { queueLimitSeconds: -1 }), 'USAGE', 'queueLimitSeconds cannot be -1'],
      [
        () => administration.createPool('a', { maxTaskTimeoutSeconds: 0 }),
        'USAGE',
        'maxTaskTimeoutSeconds cannot be 0',
      ],
      [() => administration.createPool('a', { maxTasks: 0.5 }), 'USAGE', 'maxTasks cannot be 0.5'],
      [() => administration.createToken({ pool: 'none' }), 'CONFIG', 'there is no pool "none"'],
      [() => administration.createToken({ role: 'read', note: 'a\nb' }), 'USAGE', 'the note is too long'],
      [() => administration.createToken({ role: 'read', expiresInMs: -1 }), 'USAGE', 'a token cannot live so long'],
      [() => administration.importToken({ pool: 'none' }, 'short'), 'USAGE', 'that is not a registration token'],
      [() => administration.importToken({ pool: 'none' }, `two lines\n${'x'.repeat(20)}`), 'USAGE', 'that is not'],
      [() => administration.rotateToken('none', 0), 'CONFIG', 'there is no token "none"'],
      [() => administration.revokeToken('none'), 'CONFIG', 'there is no token "none"'],
      [() => administration.pauseWorker('none'), 'CONFIG', 'there is no worker "none"'],
      [() => administration.removePool('none'), 'CONFIG', 'there is no pool "none"'],
    ];
    for (const [call, code, words] of refused) {
      const error = await refusalOf(call());
      expect([error.code, error.message.startsWith(words)]).toEqual([code, true]);
      expect(error.hint).toBeDefined();
    }
    expect(await administration.listPools()).toEqual([]);
  });
});

describe('tokens and workers', () => {
  const join = async (hub: HubUnderTest, name: string, token: string) => {
    const worker = new ScriptedWorker(hub.client(), name);
    await worker.register(token);
    return worker;
  };

  test('a worker is in the pool of its token; the last use shows', async () => {
    await using hub = await HubUnderTest.start();
    const { administration } = hub.heart;
    await administration.createPool('macs');
    const { token } = await administration.createToken({ pool: 'macs' });
    await hub.clock.advance(HOUR_MS);
    await join(hub, 'mac-1', token);
    expect(await hub.heart.core.listWorkers()).toMatchObject([{ name: 'mac-1', pool: 'macs' }]);
    expect((await administration.listTokens({ pool: 'macs' }))[0]?.lastUsedAt).toBe('2026-01-01T01:00:00.000Z');
    expect((await administration.listPools()).find(({ name }) => name === 'macs')).toMatchObject({
      workers: 1,
      tokens: 1,
    });
    expect((await refusalOf(administration.removePool('macs'))).message).toBe('pool "macs" has workers');
  });

  test('a revoked token lets nobody in; sessions go on unless their end is asked for', async () => {
    await using hub = await HubUnderTest.start();
    const { administration } = hub.heart;
    const { token, view } = await administration.createToken({ pool: 'default' });
    const worker = await join(hub, 'mac-1', token);
    await administration.revokeToken(view.id);
    const outcome = (call: Promise<unknown>) =>
      call.then(
        () => 'OK',
        (error: Error) => error.message,
      );
    expect(await outcome(worker.register(token))).toContain('this registration token is revoked');
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await administration.revokeToken(view.id, true);
    expect(await outcome(worker.started(task))).toContain('the session is not known to this hub');
  });

  test('two pools may each have a worker of one name; commands then say which', async () => {
    await using hub = await HubUnderTest.start();
    const { administration } = hub.heart;
    await administration.createPool('macs');
    const { token } = await administration.createToken({ pool: 'macs' });
    await ScriptedWorker.join(hub);
    await join(hub, 'mac-1', token);
    const error = await refusalOf(administration.pauseWorker('mac-1'));
    expect([error.code, error.message]).toEqual(['USAGE', 'several pools have a worker "mac-1": default, macs']);
    await administration.pauseWorker('mac-1', 'macs');
  });

  test('a forgotten worker is gone until it registers anew; one that runs tasks stays', async () => {
    await using hub = await HubUnderTest.start();
    const { administration } = hub.heart;
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    expect((await refusalOf(administration.forgetWorker('mac-1'))).message).toBe('worker "mac-1" runs tasks');
    await worker.stopped(task);
    await administration.forgetWorker('mac-1');
    expect(await hub.heart.core.listWorkers()).toEqual([]);
    expect(
      await worker.poll().then(
        () => 'OK',
        (error: Error) => error.message,
      ),
    ).toContain('register again');
    await worker.register();
    expect(await hub.heart.core.listWorkers()).toHaveLength(1);
  });
});
