import { expect, test } from 'bun:test';
import { parseEnvironmentFile } from '../../src/agent/environment-file.ts';

// specification of the agent, 13.3; blank and bad lines as C16 asks for
test.each<[string, Record<string, string>, number]>([
  ['A=B\nA==B\n', { A: '=B' }, 0],
  ['A=B\r\n', { A: 'B' }, 0],
  ['FOO_TOKEN=\n', { FOO_TOKEN: '' }, 0],
  ['A=B\n\n \nC=D', { A: 'B', C: 'D' }, 0],
  ['NOEQ\nA=B', { A: 'B' }, 1],
  ['=v', {}, 1],
  ['export B=2', { 'export B': '2' }, 0],
  ['A="q"\n B = 3', { A: '"q"', ' B ': ' 3' }, 0],
  [`B=1\nL=${'x'.repeat(70_000)}`, { B: '1', L: 'x'.repeat(70_000) }, 0],
])('%#', (text, variables, complaints) => {
  const parsed = parseEnvironmentFile(text);
  expect(parsed.variables).toEqual(variables);
  expect(parsed.complaints).toHaveLength(complaints);
});

test('a complaint names the line', () => {
  expect(parseEnvironmentFile('A=1\nnope').complaints[0]).toContain('line 2');
});
