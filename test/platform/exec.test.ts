import { expect } from 'bun:test';
import { resolve } from 'node:path';
import { testNeeding } from '../support/requirement.ts';

const onLinux = testNeeding('descriptors after an exec', process.platform === 'linux' ? undefined : 'needs /proc');

onLinux('no descriptor above the control channel survives', () => {
  const fixture = resolve(import.meta.dir, 'fixtures/exec-child.ts');
  const { stdout } = Bun.spawnSync([process.execPath, fixture], { stdin: 'ignore' });
  expect(stdout.toString()).toBe('end\n');
});
