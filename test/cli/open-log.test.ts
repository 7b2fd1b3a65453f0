import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { openLog } from '../../src/cli/worker/open-log.ts';
import { testContext } from '../support/cli-context.ts';
import { testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const SETTINGS = { level: 'info', file: undefined, rotateSizeBytes: undefined, maxRotations: 0 };

test('text on a terminal, JSON elsewhere', () => {
  const [terminal, pipe] = [testContext({}, { isTty: true }), testContext({})];
  for (const context of [terminal, pipe]) openLog(SETTINGS, context).info('task started', { taskId: '7' });
  expect(terminal.err()).toMatch(/^\d\d:\d\d:\d\d info {2}task started taskId=7\n$/);
  expect(JSON.parse(pipe.err())).toMatchObject({ msg: 'task started', taskId: '7' });
});

test('JSON in a file, whoever looks at the terminal; SIGHUP is taken over, which without a file it is not', () => {
  using folder = tempFolder();
  const heard: (() => void)[] = [];
  const context = {
    ...testContext({}, { isTty: true, colour: true }),
    onHangup: (listener: () => void) => void heard.push(listener),
  };
  openLog(SETTINGS, context);
  expect(heard).toHaveLength(0);
  openLog({ ...SETTINGS, level: 'warn', file: `${folder.path}/w.log` }, context).warn('disk low');
  expect(JSON.parse(readFileSync(`${folder.path}/w.log`, 'utf8'))).toMatchObject({ level: 40, msg: 'disk low' });
  expect([context.err(), heard.length]).toEqual(['', 1]);
});

testNeeding('a device that is always full', process.platform === 'linux' ? undefined : '/dev/full is of Linux')(
  'a full disk is told where somebody may see it, once, and stops nobody',
  () => {
    const context = testContext({});
    const log = openLog({ ...SETTINGS, file: '/dev/full' }, context);
    log.info('one');
    log.info('two');
    expect(context.err()).toBe('pwagent: log file /dev/full cannot be written (ENOSPC); lines are lost until it can\n');
  },
);
