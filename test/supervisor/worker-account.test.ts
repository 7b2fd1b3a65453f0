import { describe, expect, test } from 'bun:test';
import { decideArming } from '../../src/supervisor/arming.ts';
import { type AccountNeed, provideAccount } from '../../src/supervisor/worker-account.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLog } from './recording-log.ts';

const never = new AbortController().signal;
const armed = async () =>
  decideArming({
    uid: 0,
    source: 'ec2',
    endpoint: 'http://169.254.169.254',
    instanceId: 'i-0123456789abcdef0',
    marker: { tag: 'present', holds: 'any' },
  });

/** Nothing is run: programs are noted, and `fails` tells which of them do not succeed. */
async function provide(need: Partial<AccountNeed>, fails: Record<string, string> = {}, platform = 'linux') {
  const ran: string[] = [];
  const limits: number[] = [];
  const clock = new FakeClock();
  const { log, lines } = recordingLog();
  const ports = {
    exists: (name: string) => name === 'there',
    run: async ([program = '']: readonly string[], limitMs: number) => {
      ran.push(program);
      limits.push(limitMs);
      await clock.advance(10_000);
      return fails[program] ?? null;
    },
    clock,
    log,
    platform,
  };
  const problem = await provideAccount({ name: 'w', leftMs: () => 1e9, arming: armed, ...need }, ports, never);
  return { ran, limits, problem, told: lines.map(({ level }) => level) };
}

describe('the account of the worker', () => {
  test('armed and missing: it is made, and that is told', async () => {
    const { ran, limits, problem, told } = await provide({});
    expect([ran, limits, problem, told]).toEqual([['useradd', 'chmod'], [60_000, 50_000], undefined, ['info']]);
  });

  test('not armed: nothing is made', async () => {
    const arming = async () => ({ armed: false, why: 'no marker' }) as const;
    expect(await provide({ arming })).toMatchObject({ ran: [], problem: undefined });
  });

  test('there already: not even asked whether armed', async () => {
    const arming = () => Promise.reject(new Error('asked'));
    expect(await provide({ name: 'there', arming })).toMatchObject({ ran: [], problem: undefined });
  });

  test('a permit that nobody granted is refused', async () => {
    const forged = async () => ({ armed: true, permit: { instanceId: 'i-0123456789abcdef0' } }) as const;
    await expect(provide({ arming: forged })).rejects.toThrow('not armed');
  });

  test('a machine that is due to end makes none, and a late one takes no longer than it has', async () => {
    expect(await provide({ leftMs: () => 0 })).toMatchObject({ ran: [], problem: undefined });
    expect((await provide({ leftMs: () => 5_000 })).limits).toEqual([5_000]);
  });

  test('a failure is a sentence', async () => {
    const { ran, problem } = await provide({}, { useradd: 'useradd ended with code 1' });
    expect([ran, problem]).toEqual([
      ['useradd'],
      'worker.user: there is no user w, and none could be made: useradd ended with code 1',
    ]);
  });

  test('what is only better to have is a warning', async () => {
    const { problem, told } = await provide({}, { chmod: 'chmod ended with code 1' });
    expect([problem, told]).toEqual([undefined, ['warn', 'info']]);
  });

  test('a name that no account can have reaches no program', async () => {
    const { ran, problem } = await provide({ name: '-x' });
    expect([ran, problem]).toEqual([[], 'worker.user: "-x" cannot be the name of an account; name another one']);
  });

  test('macOS: ends with the tool that lies', async () => {
    const { ran, problem } = await provide({}, { id: 'id ended with code 1' }, 'darwin');
    expect([ran, problem]).toEqual([['sysadminctl', 'id'], expect.stringContaining('id ended with code 1')]);
  });
});
