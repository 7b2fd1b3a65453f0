import { describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { commandAs, readExecOrder } from '../../src/platform/exec-as.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { testNeeding } from '../support/requirement.ts';
import { type ThrowAwayUser, throwAwayUser, userGap } from '../support/throw-away-user.ts';

const privileged = testNeeding('starting programs as another user', userGap());

async function textOf(stream: AsyncIterable<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function ended(child: Child) {
  const [stdout, stderr, exit] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  return { stdout, stderr, code: exit.code };
}

/** What `argv` prints as that user. */
async function runAs(user: ThrowAwayUser, argv: readonly string[], env: Record<string, string> = {}) {
  return ended(await spawn({ user, argv, env, cwd: '/', stdout: 'pipe', stderr: 'pipe', control: true }));
}

test('the order hides in one variable, so that neither words nor values show', () => {
  const user = { name: 'u', uid: 5, gid: 6 };
  const { argv, env } = commandAs({ user, argv: ['/bin/x', 'secret'], env: { LD_PRELOAD: '/tmp/evil.so' } });
  expect(argv.at(-1)).toBe('exec-as');
  expect([argv.join(' ').includes('secret'), Object.keys(env).length, 'LD_PRELOAD' in env]).toEqual([false, 1, false]);
  expect(readExecOrder(env)).toEqual({ user, argv: ['/bin/x', 'secret'], env: { LD_PRELOAD: '/tmp/evil.so' } });
});

test.each([
  ['nothing', undefined],
  ['no JSON', 'x'],
  ['root', JSON.stringify({ user: { name: 'root', uid: 0, gid: 0 }, argv: ['/bin/sh'], env: {} })],
  ['no program', JSON.stringify({ user: { name: 'u', uid: 1, gid: 1 }, argv: [], env: {} })],
])('an order that is %s is refused', (_what, text) => {
  expect(() => readExecOrder(text === undefined ? {} : { PWAGENT_EXEC_AS: text })).toThrow('for the supervisor alone');
});

describe('pwagent exec-as', () => {
  privileged('T17 W33: all groups of the user and no other, every id, umask, no privilege left', async () => {
    using user = throwAwayUser();
    const script = 'id -G; umask; grep -E "^(Uid|Gid|CapEff|CapPrm|SigIgn|SigBlk)" /proc/self/status';
    const { stdout, code } = await runAs(user, ['/bin/sh', '-c', script], { PATH: '/usr/bin:/bin' });
    const lines = stdout.trim().split('\n');
    const groups = (lines[0] ?? '').split(' ').map(Number);
    expect(new Set(groups)).toEqual(new Set([user.gid, user.extraGroup.gid]));
    expect(lines[1]).toBe('0077');
    const status = Object.fromEntries(lines.slice(2).map((line) => line.split(/:\s+/) as [string, string]));
    const four = (id: number) => Array(4).fill(id).join('\t');
    expect(status).toEqual({
      Uid: four(user.uid),
      Gid: four(user.gid),
      SigBlk: '0'.repeat(16),
      SigIgn: '0'.repeat(16),
      CapPrm: '0'.repeat(16),
      CapEff: '0'.repeat(16),
    });
    expect(code).toBe(0);
  });

  privileged('the environment is what was ordered and nothing else', async () => {
    using user = throwAwayUser();
    const { stdout } = await runAs(user, ['env'], { PATH: '/usr/bin:/bin', A: 'b=c\nd' });
    expect(stdout).toBe('PATH=/usr/bin:/bin\nA=b=c\nd\n');
  });

  privileged('descriptors 0 to 3 and no others, whatever the parent has open', async () => {
    using user = throwAwayUser();
    const script = 'for n in $(seq 3 400); do if [ -e /proc/$$/fd/$n ]; then echo $n; fi; done';
    const order = commandAs({ user, argv: ['/bin/sh', '-c', script], env: { PATH: '/usr/bin:/bin' } });
    const through = ['/bin/sh', '-c', 'exec 7</etc/passwd 8</etc/group; exec "$@"', 'sh', ...order.argv];
    const child = await spawn({ argv: through, env: order.env, stdout: 'pipe', stderr: 'pipe', control: true });
    expect((await ended(child)).stdout).toBe('3\n');
  });

  privileged('its process is the one that was started: id, group and session', async () => {
    using user = throwAwayUser();
    const order = commandAs({
      user,
      argv: ['/bin/sh', '-c', 'cut -d" " -f1,5,6 /proc/$$/stat'],
      env: { PATH: '/bin:/usr/bin' },
    });
    const child = await spawn({ ...order, stdout: 'pipe', stderr: 'pipe' });
    expect((await ended(child)).stdout.trim()).toBe(`${child.pid} ${child.pid} ${child.pid}`);
  });

  privileged('what cannot be run ends with 78 and a sentence', async () => {
    using user = throwAwayUser();
    const closed = mkdtempSync(`${tmpdir()}/pwagent-closed-`);
    chmodSync(closed, 0o700);
    const cases = [
      ['/does/not/exist', 'program /does/not/exist was not found'],
      [`${closed}/x`, 'may not be run by this user'],
      ['/etc/passwd', 'may not be run by this user'],
      ['no-such-program', 'program no-such-program was not found'],
    ] as const;
    for (const [program, told] of cases) {
      const { stderr, code } = await runAs(user, [program]);
      expect([code, stderr]).toEqual([78, expect.stringContaining(told)]);
    }
    rmSync(closed, { recursive: true });
  });
});
