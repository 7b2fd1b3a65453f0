import { describe, expect, test } from 'bun:test';
import { type FollowEvent, followBuild } from '../../../src/cli/submit/follow-build.ts';
import { AppError } from '../../../src/lib/errors.ts';
import { formatStreamEvent } from '../../../src/lib/event-stream.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryHub } from '../../support/memory-hub.ts';

const build = JSON.stringify({ ...new MemoryHub().put({ id: 'x' }, [{ name: 'one' }]), url: 'http://hub/builds/x' });
const BUILD = formatStreamEvent('build', build);
const END = formatStreamEvent('end', '{}');

function log(seq: number, text: string): string {
  const data = Buffer.from(text).toString('base64');
  const body = { seq, taskId: 'x0', instruction: 'main', offset: 0, replaces: false, data };
  return formatStreamEvent('log', JSON.stringify(body), String(seq));
}

/** One answer of the hub to each connection: text and whether the stream then stays open, or an error. */
type Answer = { readonly text: string; readonly stays?: boolean } | AppError;

const AWAY = new AppError('UNAVAILABLE', 'hub away');

/** Follows against a script; the last answer counts for all further connections. */
function follow(answers: readonly Answer[]) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const resumed: number[] = [];
  const told: string[] = [];
  const events = async (_id: string, after: number, signal: AbortSignal) => {
    const answer = answers[Math.min(resumed.length, answers.length - 1)];
    resumed.push(after);
    if (answer === undefined || answer instanceof AppError) throw answer;
    return new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(answer.text));
        if (answer.stays !== true) return controller.close();
        signal.addEventListener('abort', () => controller.error(signal.reason));
      },
    });
  };
  const brief = (event: FollowEvent) => (event.kind === 'log' ? `log ${Buffer.from(event.data)}` : event.kind);
  const done = (async () => {
    const deps = { client: { events }, clock, random: () => 0.5 };
    for await (const event of followBuild(deps, 'x', stop.signal)) told.push(brief(event));
    return 'end';
  })().catch((error: unknown) => error);
  return { clock, stop, resumed, told, done };
}

describe('following a build', () => {
  test('to the end', async () => {
    const { told, done, clock } = follow([{ text: `${BUILD}: quiet\n\n${log(1, 'a')}${END}` }]);
    expect(await done).toBe('end');
    expect(told).toEqual(['build', 'quiet', 'log a', 'end']);
    expect(clock.pending).toBe(0);
  });

  test('resumes behind the last chunk when the connection breaks, and says so once', async () => {
    const answers = [{ text: BUILD + log(1, 'a') + log(2, 'b') }, AWAY, AWAY, { text: BUILD + log(3, 'c') + END }];
    const { told, done, resumed, clock } = follow(answers);
    await clock.advance(10_000);
    expect(await done).toBe('end');
    expect(told).toEqual(['build', 'log a', 'log b', 'lost', 'found', 'build', 'log c', 'end']);
    expect(resumed).toEqual([0, 2, 2, 2]);
  });

  test('a connection without a word for 45 s is dead', async () => {
    const { done, resumed, told, clock } = follow([{ text: BUILD, stays: true }, { text: BUILD + END }]);
    await clock.advance(44_999);
    expect(resumed).toHaveLength(1);
    await clock.advance(1_000);
    expect(await done).toBe('end');
    expect(told).toEqual(['build', 'lost', 'found', 'build', 'end']);
  });

  test('gives up after two minutes without the hub', async () => {
    const { done, told, resumed, clock } = follow([{ text: BUILD }, AWAY]);
    await clock.advance(119_000);
    await settle();
    expect(resumed.length).toBeGreaterThan(20);
    await clock.advance(10_000);
    const error = await done;
    expect(error).toBeInstanceOf(AppError);
    expect([(error as AppError).code, told.filter((kind) => kind === 'lost').length]).toEqual(['UNAVAILABLE', 1]);
    expect(String(error)).toContain('hub away');
    expect(clock.pending).toBe(0);
  });

  test.each([
    ['a refusal is final', [new AppError('NO_PERMISSION', 'wrong token')], 'NO_PERMISSION'],
    ['a later refusal too', [{ text: BUILD }, new AppError('CONFIG', 'there is no build x')], 'CONFIG'],
    ['what is not understood too', [{ text: formatStreamEvent('build', '{"id":1}') }], 'CONFIG'],
    ['what is no JSON too', [{ text: formatStreamEvent('log', '{') }], 'CONFIG'],
  ] as const)('%s', async (_title, answers, code) => {
    const { done, clock } = follow(answers);
    await clock.advance(1_000);
    expect(((await done) as AppError).code).toBe(code);
  });

  test.each([
    ['connected', { text: BUILD, stays: true }],
    ['coming back', AWAY],
  ] as const)('stops at once while %s', async (_title, answer) => {
    const { done, stop, clock } = follow([answer]);
    await settle();
    stop.abort('SIGINT');
    expect(await done).toBe('SIGINT');
    expect(clock.pending).toBe(0);
  });
});
