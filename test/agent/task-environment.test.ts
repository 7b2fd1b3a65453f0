import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { identificationOf } from '../../src/agent/task-api.ts';
import { chooseWorkingFolder, taskEnvironment } from '../../src/agent/task-environment.ts';
import { tempFolder } from '../support/temp-folder.ts';

test("the working folder is the first of: the task's, the prepared one, the stable one, a fresh one", async () => {
  using folder = tempFolder();
  const base = { task: {}, prepared: undefined, continued: false, taskId: 'a/b', temporary: folder.path };
  expect(await chooseWorkingFolder({ ...base, task: { CIRRUS_WORKING_DIR: '/w' }, prepared: '/p' })).toBe('/w');
  expect(await chooseWorkingFolder({ ...base, prepared: '/p' })).toBe('/p');
  const stable = join(folder.path, 'cirrus-ci-build');
  expect(await chooseWorkingFolder(base)).toBe(stable);
  expect(await chooseWorkingFolder({ ...base, continued: true })).toBe(stable);
  const fresh = await chooseWorkingFolder(base);
  expect(fresh).toStartWith(join(folder.path, 'cirrus-task-a_b'));
  expect(existsSync(fresh)).toBe(true);
});

test('what the agent knows better overrides, the rest is kept and expanded', () => {
  const server = { CIRRUS_OS: 'wrong', WHERE: '$CIRRUS_WORKING_DIR/x', SECRET: 'a$b', CIRRUS_TASK_ID: '9' };
  const known = { taskId: '7', workingFolder: '/w', secrets: ['a$b'] };
  const environment = taskEnvironment(server, { OS: 'mine' }, known);
  expect(environment).toMatchObject({ CIRRUS_OS: process.platform, WHERE: '/w/x', SECRET: 'a$b', CIRRUS_TASK_ID: '9' });
  expect(environment.OS).toBeUndefined();
  expect(taskEnvironment({}, {}, known)).toMatchObject({ OS: process.platform, CIRRUS_TASK_ID: '7' });
});

test.each([
  ['42', 42n],
  ['-1', -1n],
  ['9223372036854775807', 9223372036854775807n],
  ['9223372036854775808', undefined],
  ['c0ffee', undefined],
  ['', undefined],
])('task id %j as a number: %p', (taskId, expected) => {
  const identity = { apiEndpoint: '', taskId, serverToken: '', clientToken: 'c' };
  expect(identificationOf(identity)?.taskId).toBe(expected as bigint);
});
