import { expect, test } from 'bun:test';
import { chooseShell, scriptEnvironment, scriptText } from '../../../src/agent/program/shell.ts';

const bashHere = (name: string) => (name === 'bash' ? '/opt/bash' : null);

test.each([
  [undefined, bashHere, { tag: 'file', words: ['/opt/bash'] }],
  [undefined, () => null, { tag: 'file', words: ['/bin/sh'] }],
  ['direct', bashHere, { tag: 'direct' }],
  ['zsh -o nullglob', bashHere, { tag: 'file', words: ['zsh', '-o', 'nullglob'] }],
])('CIRRUS_SHELL=%p', (setting, find, shell) => {
  expect(chooseShell(setting, find) as unknown).toEqual(shell);
});

test('an empty setting is a mistake', () => {
  expect(() => chooseShell(' ', bashHere)).toThrow('CIRRUS_SHELL is empty');
});

test('the script stops at errors and shows its own lines only', () => {
  const lines = scriptText(['/bin/sh', '-x'], ['echo a', 'echo b']).split('\n');
  expect(lines[0]).toBe('#!/bin/sh -x');
  expect(lines.slice(-4)).toEqual(['set -o verbose', 'echo a', 'echo b', '']);
});

test.each([
  [{ SHELL: '/bin/zsh', A: 'p' }, { A: 't' }, { SHELL: '/bin/zsh', A: 't' }],
  [{ SHELL: '/bin/zsh' }, { CIRRUS_SHELL: 'bash' }, { SHELL: 'bash', CIRRUS_SHELL: 'bash' }],
  [{ SHELL: '/bin/zsh' }, { CIRRUS_SHELL: 'bash', SHELL: '/bin/sh' }, { SHELL: '/bin/sh', CIRRUS_SHELL: 'bash' }],
  [{}, { CIRRUS_SHELL: 'bash' }, { CIRRUS_SHELL: 'bash' }],
])('process %j and task %j give %j', (process, task, expected) => {
  expect(scriptEnvironment(process as Record<string, string>, task as Record<string, string>) as unknown).toEqual(
    expected,
  );
});
