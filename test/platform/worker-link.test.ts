import { expect, test } from 'bun:test';
import { parseSupervisorMessage, parseWorkerMessage } from '../../src/platform/worker-link.ts';

const startedAt = '2026-01-01T00:00:00.000Z';

test.each([
  [{ type: 'registered' }],
  [{ type: 'progress' }],
  [{ type: 'trouble', message: null }],
  [{ type: 'state', intake: 'paused', running: [{ id: '7', startedAt }] }],
])('a message of the worker: %j', (message) => expect(parseWorkerMessage(message)).toEqual(message as never));

test.each([
  [null],
  ['registered'],
  [{ type: 'unknown' }],
  [{ type: 'state', intake: 'half', running: [] }],
  [{ type: 'state', intake: 'open', running: [{ id: 7, startedAt }] }],
  [{ type: 'state', intake: 'open', running: [{ id: '7', startedAt: 'now' }] }],
  [{ type: 'state', intake: 'open', running: Array.from({ length: 1_001 }, () => ({ id: '7', startedAt })) }],
])('no message of the worker', (value) => expect(parseWorkerMessage(value)).toBeUndefined());

test('text of the worker cannot steer a terminal or fill a screen', () => {
  const parsed = parseWorkerMessage({ type: 'trouble', message: `\x1b[2Jgone\n${'x'.repeat(900)}` });
  expect(parsed).toEqual({ type: 'trouble', message: ` [2Jgone ${'x'.repeat(900)}`.slice(0, 500) });
});

test('messages of the supervisor', () => {
  const setup = { type: 'setup', name: 'n', configFile: '/w', configText: '', token: null, passEnvironment: ['A'] };
  for (const message of [setup, { type: 'pause' }, { type: 'resume' }]) {
    expect(parseSupervisorMessage(message)).toEqual(message as never);
  }
  expect(parseSupervisorMessage({ ...setup, token: 3 })).toBeUndefined();
});
