import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runCommand } from '../../src/cli/commands.ts';
import { hubMetricsText } from '../../src/hub/metrics/metrics.ts';
import { repositoryName } from '../../src/hub/variables/origin.ts';
import { taskVariables } from '../../src/hub/variables/variables.ts';
import { testContext } from '../support/cli-context.ts';

const text = readFileSync(resolve(import.meta.dir, '../../docs/hub.md'), 'utf8');
const blocks = [...text.matchAll(/^```\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');

test('every metric is documented, and nothing else', () => {
  const one = [{ status: 'FAILED' as const, count: 1 }];
  const names = hubMetricsText({
    ...{ version: '', draining: true, tasks: one, builds: one, oldestWaitSeconds: 1 },
    ...{ residentBytes: 1, cpuSeconds: 1, upSeconds: 1 },
    workers: [{ pool: 'p', state: 'online', count: 1 }],
    requests: [{ method: 'GET', status: 200, count: 1, seconds: 1 }],
  }).matchAll(/^# TYPE (\w+)/gm);
  const documented = text.matchAll(/`((?:pwagent_hub|process)_\w+)`/g);
  expect([...documented].map(([, name]) => name).sort()).toEqual([...names].map(([, name]) => name).sort());
});

test('every variable is documented', () => {
  const repository = repositoryName('https://h/o/r');
  const pullRequest = { number: 1, title: '', body: '', draft: true, labels: [], baseBranch: '', baseRevision: '' };
  const more = { cron: 'c', defaultBranch: 'd', changeTimestampS: 1, pullRequest };
  const build = { id: '1', branch: 'b', revision: 'r', message: 'm' };
  const task = { id: '2', name: 'n', groupId: 0, siblings: 1 };
  for (const tag of [undefined, 't']) {
    const names = Object.keys(taskVariables({ source: 'cron', trusted: true, repository, tag, ...more }, build, task));
    for (const name of names) expect([name, text.includes(`\`${name}\``)]).toEqual([name, true]);
  }
});

/** Whole commands of the blocks that start with `pwagent`, as far as they stand before a pipe or a redirection. */
const commands = blocks
  .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  .map((line) => line.trim().replace(/^\w+=\S+ /, ''))
  .filter((line) => line.startsWith('pwagent '))
  .map((line) => line.replace(/ [|<>] .*$/, ''));

/** Words as a shell makes them of a line with plain quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

test.each([...new Set(commands)])('%s takes only flags that there are', async (line) => {
  const context = testContext({});
  // with --help at its end a command parses everything and does nothing; an unknown flag is told before
  const [, ...words] = wordsOf(line);
  expect(await runCommand([...words, '--help'], context)).toBe(0);
  const help = context.out();
  for (const flag of words.filter((word) => word.startsWith('--')))
    expect([line, help.includes(flag)]).toEqual([line, true]);
});
