import { afterEach, beforeEach, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { listProcesses } from '../../src/platform/process-table.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

/** Processes of the demo: all of them name a file in its folder. */
function processesOfTheDemo(): number {
  return listProcesses().filter(({ command }) => command.includes(cluster.temporary)).length;
}

async function expectNothingLeft(): Promise<void> {
  await waitFor('no process is left', () => processesOfTheDemo() === 0);
  expect(readdirSync(cluster.temporary)).toEqual([]);
}

test('--once plays a build, shows status and page, exits with the result, and leaves nothing', async () => {
  const result = await cluster.run(['demo', '--once']);
  expect(result.stdout).toContain('hello world');
  expect(result.stdout).toMatch(/phase\s+serving/);
  expect(result.stdout).toMatch(/The page: http:\/\/127\.0\.0\.1:\d+/);
  expect(result.code).toBe(0);
  await expectNothingLeft();
});

test('--once exits 1 when the build fails', async () => {
  cluster.workTree('persistent_worker: {}\nt_task: {x_script: exit 9}\n');
  const result = await cluster.run(['demo', '--once', '--dir', 'tree']);
  expect(result.stdout).toMatch(/exit code 9/);
  expect(result.code).toBe(1);
  await expectNothingLeft();
});

test('a terminal that is closed ends it too, although nobody reads any more', async () => {
  const demo = cluster.start(['demo']);
  await waitFor('a task runs', () => /step 1/.test(demo.stdout()), 20_000);
  demo.child.stdout?.destroy();
  demo.child.stderr?.destroy();
  process.kill(demo.pid, 'SIGHUP');
  await waitFor('it has ended', () => demo.child.exitCode !== null || demo.child.signalCode !== null);
  await expectNothingLeft();
});

test.each([
  ['before anything is up', /everything lives in/],
  ['while hub and supervisor start', /● supervisor/],
  ['in the middle of a task', /step 1/],
  ['while it serves', /Serving until Ctrl-C/],
])('Ctrl-C %s leaves nothing', async (_when, moment) => {
  const demo = cluster.start(['demo']);
  await waitFor(`the demo prints ${moment}`, () => moment.test(demo.stdout()), 20_000);
  process.kill(demo.pid, 'SIGINT');
  const { code } = await demo.exited;
  expect(code).toBe(/Serving/.test(demo.stdout()) ? 0 : 1);
  expect(demo.stderr()).not.toMatch(/\n\s+at /);
  await expectNothingLeft();
});
