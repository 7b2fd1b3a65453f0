import { expect, test } from 'bun:test';
import { Secret } from '../../src/lib/secret.ts';
import type { AuditResult } from '../../src/supervisor/audit/facts.ts';
import { HubReporter, type hubReport, workerNameIn } from '../../src/supervisor/hub-report.ts';
import type { StatusAnswer } from '../../src/supervisor/status-report.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { memoryLogger } from '../support/logger.ts';

function statusOf(phase: string, reason: string): StatusAnswer {
  const deadlines = [{ rule: 'lifetime', dueAt: '2026-01-03T00:00:00.000Z', inSeconds: 9, suspended: false }];
  return { pid: 1, exitCode: 0, status: { phase, reason, ageSeconds: 7, deadlines } } as unknown as StatusAnswer;
}

function rig(answers: ((signal: AbortSignal) => Promise<Response>)[]) {
  const clock = new FakeClock();
  const log = memoryLogger();
  const sent: { url: string; token: string | null; body: ReturnType<typeof hubReport> }[] = [];
  const state: { answer: StatusAnswer; audit: AuditResult | null } = {
    answer: statusOf('serving', 'fine'),
    audit: null,
  };
  const leave = new AbortController();
  const reporter = new HubReporter(
    {
      ...{ url: 'http://hub:1', token: new Secret('pool token'), name: 'mac 1', clock, log },
      read: () => ({ ...state, finishedTasks: 3 }),
      fetch: (url, init) => {
        const headers = new Headers(init.headers as Record<string, string>);
        sent.push({ url, token: headers.get('authorization'), body: JSON.parse(String(init.body)) });
        const answer = answers.shift() ?? (async () => new Response(null, { status: 204 }));
        return answer(init.signal as AbortSignal);
      },
    },
    leave.signal,
  );
  return { clock, log, sent, state, reporter, leave };
}

test('tells phase, deadlines, verdict and, once the machine ends, why', async () => {
  const the = rig([]);
  the.reporter.tell();
  await the.clock.advance(1);
  expect(the.sent).toEqual([
    {
      url: 'http://hub:1/api/v1/workers/mac%201/supervisor',
      token: 'Bearer pool token',
      body: {
        phase: 'serving',
        reason: 'fine',
        ageSeconds: 7,
        deadlines: [{ rule: 'lifetime', dueAt: '2026-01-03T00:00:00.000Z', suspended: false }],
        endReason: null,
        finishedTasks: 3,
        verdict: null,
      },
    },
  ]);
  the.state.answer = statusOf('stopping', 'the lifetime is over');
  the.state.audit = { verdict: 'dirty', reasons: ['a mount'] } as unknown as AuditResult;
  the.reporter.tell();
  await the.clock.advance(1);
  expect(the.sent[1]?.body).toMatchObject({
    endReason: 'the lifetime is over',
    verdict: { verdict: 'dirty', reasons: ['a mount'] },
  });
});

test('says it again every minute, and no more once the supervisor leaves', async () => {
  const the = rig([]);
  the.reporter.tell();
  await the.clock.advance(125_000);
  expect(the.sent).toHaveLength(3);
  the.leave.abort();
  the.reporter.tell();
  await the.clock.advance(300_000);
  expect([the.sent.length, the.clock.pending]).toEqual([3, 0]);
});

test('changes during a report go with one more', async () => {
  const gate = Promise.withResolvers<Response>();
  const the = rig([() => gate.promise]);
  for (let n = 0; n < 5; n += 1) the.reporter.tell();
  await the.clock.advance(1);
  expect(the.sent).toHaveLength(1);
  gate.resolve(new Response(null, { status: 204 }));
  await the.clock.advance(1);
  expect(the.sent).toHaveLength(2);
});

test('a hub that is silent or refuses is told of once, and never waited for longer than five seconds', async () => {
  const silent = () => new Promise<Response>(() => {});
  const refusing = async () => new Response('no', { status: 401 });
  const the = rig([silent, refusing]);
  the.reporter.tell();
  await the.clock.advance(4_999);
  the.reporter.tell();
  expect(the.sent).toHaveLength(1);
  await the.clock.advance(1);
  expect(the.sent).toHaveLength(2);
  await the.clock.advance(60_000);
  const messages = the.log.lines.map(({ message }) => message);
  expect(messages).toEqual(['the hub cannot be told', 'the hub is told again']);
});

test.each([
  ['name: w1', 'w1'],
  ['name: 123', '123'],
  ['token: t', 'mac'],
  ['', 'mac'],
  ['name: ""', 'mac'],
  ['name: [a', 'mac'],
])('the worker of %j registers as %s', (text, expected) => {
  expect(workerNameIn(text, 'mac')).toBe(expected);
});
