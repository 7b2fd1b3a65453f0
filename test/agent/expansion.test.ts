import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { expandEnvironment, expandText } from '../../src/agent/expansion.ts';

const TASK = { TAG: 'foo' };
const PROCESS = { OSVAR: 'fromos' };

describe('one text', () => {
  test.each([
    // specification of the agent, 13.1
    [`\${TAG:latest}`, {}, 'latest'],
    [`\${TAG:latest}`, TASK, 'foo'],
    ['%TAG%', TASK, 'foo'],
    [`[\${TAG:latest}]`, { TAG: '' }, '[]'],
    ['$NOPE', TASK, ''],
    [`\${NOPE}`, TASK, ''],
    ['%NOPE%', TASK, ''],
    [`\${A:-def}`, TASK, '-def'],
    [`\${A:b:c}`, TASK, 'b:c'],
    ['$TAG:x', TASK, 'foo:x'],
    ['$TAG_x', TASK, ''],
    [`\${TAG}_x`, TASK, 'foo_x'],
    ['a$', TASK, 'a$'],
    ['a$ b', TASK, 'a$ b'],
    ['a$$b', TASK, 'a$b'], // C2: an escape
    ['pa$$word', TASK, 'pa$word'],
    ['$$TAG', TASK, '$TAG'],
    ['$$$TAG', TASK, '$foo'],
    ['cost $5', TASK, 'cost '],
    ['$1abc', TASK, 'abc'],
    [`\${}x`, TASK, 'x'],
    [`\${unclosed`, TASK, 'unclosed'],
    ['\\$TAG', TASK, '\\foo'],
    ['%TAG%TAG%', TASK, 'fooTAG%'],
    ['%A B%', TASK, '%A B%'],
    ['100%', TASK, '100%'],
    ['$OSVAR', TASK, 'fromos'],
    ['$OSVAR', { OSVAR: 'user' }, 'user'],
    // names of one character, in braces too
    [`\${?}x`, TASK, 'x'],
    ['$toString', TASK, ''],
  ])('%s with %j is %j', (text, task, expected) => {
    expect(expandText(text, task, PROCESS)).toBe(expected);
  });
});

describe('a whole environment', () => {
  const GO = '/root/go/src/github.com/some/thing';
  test.each<[string, Record<string, string>, Record<string, string>]>([
    [
      'chain',
      {
        GOPATH2: '/root/go',
        GOSRC2: '$GOPATH2/src/github.com/some/thing',
        CIRRUS_WORKING_DIR: '$GOSRC2',
        SCRIPT_BASE: '$GOSRC2/contrib/cirrus',
        PACKER_BASE: `\${SCRIPT_BASE}/packer`,
      },
      {
        GOPATH2: '/root/go',
        GOSRC2: GO,
        CIRRUS_WORKING_DIR: GO,
        SCRIPT_BASE: `${GO}/contrib/cirrus`,
        PACKER_BASE: `${GO}/contrib/cirrus/packer`,
      },
    ],
    ['itself', { FOO: 'Contains $FOO' }, { FOO: 'Contains $FOO' }],
    ['a cycle', { A: '$B', B: '$A' }, { A: '$B', B: '$A' }],
    ['C3: the task before the process', { OSVAR: 'user', B: '$OSVAR' }, { OSVAR: 'user', B: 'user' }],
    ['the process where the task has none', { B: '$OSVAR' }, { B: 'fromos' }],
    ['itself from the process', { OSVAR: 'user:$OSVAR' }, { OSVAR: 'user:fromos' }],
    ['not defined', { A: 'x $UNSET y' }, { A: 'x  y' }],
    ['a cycle of three', { A: '$B', B: '$C', C: '$A', D: '$A' }, { A: '$B', B: '$C', C: '$A', D: '$B' }],
    ['C2: an undeclared secret, once', { SECRET: 'pa$$w0rd!$x', U: '$SECRET' }, { SECRET: 'pa$w0rd!', U: 'pa$w0rd!' }],
    ['C2: what a value brings is not expanded again', { A: '$$B', B: 'b', C: '$A' }, { A: '$B', B: 'b', C: '$B' }],
  ])('%s', (_title, task, expected) => {
    expect(expandEnvironment(task, PROCESS, new Set())).toEqual(expected);
  });

  test('a declared secret is taken literally', () => {
    const task = { SECRET: 'pa$$w0rd', URL: 'https://$SECRET@host' };
    const expanded = expandEnvironment(task, {}, new Set(['SECRET']));
    expect(expanded).toEqual({ SECRET: 'pa$$w0rd', URL: 'https://pa$$w0rd@host' });
  });

  test('values that double in each round stay within bounds', () => {
    const names = Array.from({ length: 64 }, (_value, index) => `V${index}_`);
    const task = Object.fromEntries(names.map((name, index) => [name, `$${names[index + 1]}$${names[index + 1]}`]));
    const longest = Math.max(
      ...Object.values(expandEnvironment({ ...task, V64_: 'x'.repeat(1_000) }, {}, new Set())).map((v) => v.length),
    );
    expect(longest).toBeLessThanOrEqual(1 << 20);
  });

  test('any environment comes to an end, with the same names', () => {
    const value = fc.string({ unit: fc.constantFrom('$', '{', '}', '%', 'A', 'B', 'C', ':', 'x', ' ') });
    fc.assert(
      fc.property(fc.record({ A: value, B: value, C: value }), (task) => {
        expect(Object.keys(expandEnvironment(task, { C: 'p' }, new Set()))).toEqual(['A', 'B', 'C']);
      }),
    );
  });

  test('the order of the variables does not matter, and what was expanded is not expanded again', () => {
    const value = fc.string({ unit: fc.constantFrom('$', '{', '}', '%', 'A', 'B', ':', 'x'), maxLength: 12 });
    fc.assert(
      fc.property(value, value, value, (A, B, x) => {
        const forward = expandEnvironment({ A, B, x }, { A: 'p' }, new Set());
        const backward = expandEnvironment({ x, B, A }, { A: 'p' }, new Set());
        expect(backward).toEqual(forward);
      }),
    );
  });

  test('a chain of any length comes to an end', () => {
    const links = Array.from({ length: 20_000 }, (_value, index): [string, string] => [`V${index}`, `$V${index + 1}`]);
    expect(Object.keys(expandEnvironment(Object.fromEntries(links), {}, new Set()))).toHaveLength(20_000);
  });
});
