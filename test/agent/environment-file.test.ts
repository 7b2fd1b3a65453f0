import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseEnvironmentFile } from '../../src/agent/environment-file.ts';

// specification of the agent, 13.3; blank, bad and long lines and values of several lines as C16 asks for
test.each<[string, Record<string, string>, number]>([
  ['A=B\nA==B\n', { A: '=B' }, 0],
  ['A=B\r\n', { A: 'B' }, 0],
  ['FOO_TOKEN=\n', { FOO_TOKEN: '' }, 0],
  ['A=B\n\n \nC=D', { A: 'B', C: 'D' }, 0],
  ['NOEQ\nA=B', { A: 'B' }, 1],
  ['=v', { '': 'v' }, 0],
  ['export B=2', { 'export B': '2' }, 0],
  ['A="q"\n B = 3', { A: '"q"', ' B ': ' 3' }, 0],
  [`B=1\nL=${'x'.repeat(70_000)}`, { B: '1', L: 'x'.repeat(70_000) }, 0],
  [`L=${'x'.repeat(70_000)}\nB=1`, { L: 'x'.repeat(70_000), B: '1' }, 0],
  ['KEY<<END\none=1\n\ntwo\nEND\nB=2', { KEY: 'one=1\n\ntwo', B: '2' }, 0],
  ['KEY<<END\r\none\r\nEND\r\n', { KEY: 'one' }, 0],
  ['KEY<<END\nEND', { KEY: '' }, 0],
  ['KEY<<END\nB=2', { B: '2' }, 1],
  ['A<<B=C', { 'A<<B': 'C' }, 0],
  ['A=x\0y\nB=2', { B: '2' }, 1],
])('%#', (text, variables, complaints) => {
  const parsed = parseEnvironmentFile(text);
  expect(parsed.variables).toEqual(variables);
  expect(parsed.complaints).toHaveLength(complaints);
});

test('a complaint names the line', () => {
  expect(parseEnvironmentFile('A=1\nnope').complaints[0]).toContain('line 2');
  expect(parseEnvironmentFile('A=1\nK<<E\nB=2').complaints[0]).toContain('line 2');
});

describe('for any variables', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/);
  const value = fc.string().filter((text) => !/[\0\r\n]/.test(text));
  const lines = fc.array(value, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('\n'));

  test('what is written as NAME=VALUE is read back, the last of a name winning', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.constantFrom('\n', '\r\n'), (pairs, newline) => {
        const text = pairs.map(([key, content]) => `${key}=${content}${newline}`).join('');
        expect(parseEnvironmentFile(text)).toMatchObject({ variables: Object.fromEntries(pairs), complaints: [] });
      }),
    );
  });

  test('what is written over several lines is read back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, lines)), (pairs) => {
        const text = pairs.map(([key, content]) => `${key}<<--end--\n${content}\n--end--\n`).join('');
        expect(parseEnvironmentFile(text)).toMatchObject({ variables: Object.fromEntries(pairs), complaints: [] });
      }),
    );
  });

  test('no text makes it fail, and nothing is lost without a complaint', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('A', '=', '<', '\n', ' ', 'B') }), (text) => {
        const { variables, complaints } = parseEnvironmentFile(text);
        const used = text.split('\n').filter((line) => line.trim() !== '').length;
        expect(used > 0).toBe(Object.keys(variables).length + complaints.length > 0);
      }),
    );
  });
});
