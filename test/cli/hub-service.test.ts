import { expect, test } from 'bun:test';
import { run } from '../../src/cli/hub-service.ts';
import { testContext } from '../support/cli-context.ts';

test.each([
  ['--systemd', 'ExecStart=/usr/local/bin/pwagent hub --data ${STATE_DIRECTORY}', '/etc/systemd/system/'],
  ['--launchd', '<string>/usr/local/var/pwagent-hub</string>', '/Library/LaunchDaemons/'],
])('%s: the file alone on standard output, the rest beside it', async (flag, line, path) => {
  const context = testContext({});
  expect(await run([flag], context)).toBe(0);
  expect([context.out(), context.err()]).toEqual([expect.stringContaining(line), expect.stringContaining(path)]);
});

test('both at once are refused', () => {
  expect(run(['--systemd', '--launchd'], testContext({}))).rejects.toMatchObject({ code: 'USAGE' });
});
