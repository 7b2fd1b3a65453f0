import { describe, expect, test } from 'bun:test';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { becomeUser } from '../../src/platform/privileges.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { testNeeding } from '../support/requirement.ts';
import { type ThrowAwayUser, throwAwayUser, userGap } from '../support/throw-away-user.ts';

const privileged = testNeeding('memory closed to processes of the same user', userGap());

test('nobody becomes root this way', () => {
  expect(() => becomeUser({ name: 'root', uid: 0, gid: 0 })).toThrow('it is root');
});

async function firstLine(child: Child): Promise<string> {
  for await (const chunk of child.stdout ?? []) return String(chunk).trim();
  return 'nothing';
}

/** The checkout may be closed to other users, so that runtime and fixture go into the home. */
async function giveFixture({ home }: ThrowAwayUser): Promise<void> {
  const built = await Bun.build({ entrypoints: [resolve(import.meta.dir, 'fixtures/undumpable.ts')], target: 'bun' });
  writeFileSync(join(home, 'undumpable.js'), (await built.outputs[0]?.text()) ?? '', { mode: 0o644 });
  copyFileSync(process.execPath, join(home, 'bun'));
}

/** Whether a second process of the user may read memory and environment of the first. */
async function attack(user: ThrowAwayUser, how: string): Promise<readonly [string, number | null]> {
  const env = { PATH: '/usr/bin:/bin', HOME: user.home, TOKEN: 'secret' };
  const argv = [join(user.home, 'bun'), join(user.home, 'undumpable.js'), how];
  const victim = await spawn({
    argv,
    env,
    user,
    cwd: '/',
    stdin: 'pipe',
    stdout: 'pipe',
  });
  try {
    const said = await firstLine(victim);
    const script = `exec 3</proc/${victim.pid}/mem && grep -q TOKEN=secret /proc/${victim.pid}/environ`;
    const thief = await spawn({ argv: ['/bin/sh', '-c', script], env: { PATH: env.PATH }, user, cwd: '/' });
    return [said, (await thief.exited).code];
  } finally {
    victim.signalGroup('SIGKILL');
    await victim.exited;
  }
}

describe('makeUndumpable', () => {
  privileged('T08 a process of the same user reads neither memory nor environment', async () => {
    using user = throwAwayUser();
    await giveFixture(user);
    expect(await attack(user, 'open')).toEqual(['open', 0]); // so the attack itself works
    const [said, code] = await attack(user, 'close');
    expect([said, code === 0]).toEqual(['closed', false]);
  });
});
