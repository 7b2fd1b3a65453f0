import { expect, test } from 'bun:test';
import { resolve } from 'node:path';
import { currentUser, lookUpUser } from '../../src/platform/users.ts';

test('who we are', () => {
  const user = currentUser();
  expect(user.uid).toBe(process.getuid?.() ?? -1);
  expect(user.gid).toBe(process.getgid?.() ?? -1);
  expect(user.name).not.toBe('');
  expect(user.home).toStartWith('/');
  expect(user.shell).toStartWith('/');
});

test('who we are does not depend on the environment', () => {
  const script = `import { currentUser } from '${resolve(import.meta.dir, '../../src/platform/users.ts')}';
    process.stdout.write(JSON.stringify(currentUser()));`;
  const { stdout } = Bun.spawnSync([process.execPath, '-e', script], { env: { USER: 'somebody', SHELL: '/bin/else' } });
  expect(JSON.parse(stdout.toString())).toEqual(currentUser());
});

test('root has an account everywhere', () => {
  expect(lookUpUser('root')).toMatchObject({ name: 'root', uid: 0, gid: 0 });
});

test.each(['no-such-user-here', '', '-x', '--help', 'a b', 'root:x', 'root\n', '../root', '0', '*', 'r$x', 'ro'])(
  'no account: %j',
  (name) => {
    expect(lookUpUser(name)).toBeUndefined();
  },
);
