import { describe, expect, test } from 'bun:test';
import type { FollowEvent } from '../../../src/cli/submit/follow-build.ts';
import { NOTHING_TOLD, renderEvent } from '../../../src/cli/submit/render-events.ts';
import { progressText, renderResult, resultJson } from '../../../src/cli/submit/render-result.ts';
import { createScreen } from '../../../src/cli/submit/screen.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { instructionView, MemoryHub, type TaskSketch } from '../../support/memory-hub.ts';

const START = '2026-01-01T00:00:00.000Z';
const LATER = '2026-01-01T00:00:12.000Z';

function published(tasks: readonly TaskSketch[], more: Record<string, unknown> = {}) {
  return { ...new MemoryHub().put({ id: 'x', ...more }, tasks), url: 'http://hub/builds/x' };
}

function build(...tasks: readonly TaskSketch[]): FollowEvent {
  return { kind: 'build', build: published(tasks) };
}

function log(text: string, taskId = 'x0', instruction = 'main', replaces = false): FollowEvent {
  return { kind: 'log', taskId, instruction, replaces, data: new TextEncoder().encode(text) };
}

function render(colour: boolean, ...events: readonly FollowEvent[]): string[] {
  let state = { ...NOTHING_TOLD, joining: false };
  return events.flatMap((event) => {
    const rendered = renderEvent(state, event, colour);
    state = rendered.state;
    return rendered.lines;
  });
}

const running: TaskSketch = { name: 'lint', status: 'EXECUTING', worker: 'w', startedAt: START };
const passed: TaskSketch = { ...running, status: 'COMPLETED', finishedAt: LATER };
const other: TaskSketch = { name: 'test all' };

describe('a log on the terminal', () => {
  test('one task: no prefix, headings, whole lines only, the open end at last', () => {
    expect(
      render(
        false,
        build(running),
        log('one\ntw'),
        log('o\n'),
        log('thr', 'x0', 'main'),
        log('x\n', 'x0', 'after'),
        build(passed),
      ),
    ).toEqual(['started on w', '▸ main', 'one', 'two', 'thr', '▸ after', 'x', '✔ passed in 12s']);
  });

  test('an open end comes before the verdict', () => {
    expect(render(false, build(running), log('no end'), build(passed)).slice(2)).toEqual(['no end', '✔ passed in 12s']);
  });

  test('several tasks: each line says whose it is, names aligned', () => {
    expect(render(false, build(running, other), log('a\n'), log('b\n', 'x1'))).toEqual([
      'lint     │ started on w',
      'lint     │ ▸ main',
      'lint     │ a',
      'test all │ ▸ main',
      'test all │ b',
    ]);
  });

  test.each([
    ['at the start', []],
    ['after an outage', [{ kind: 'lost', reason: 'gone' }, { kind: 'found' }]],
  ] as const)('joining a build %s: the logs that are behind come before the verdict', (_title, outage) => {
    let state = outage.length === 0 ? NOTHING_TOLD : { ...NOTHING_TOLD, joining: false };
    const lines = [...outage, build(passed), log('a\n'), { kind: 'end' } as const].flatMap((event) => {
      const rendered = renderEvent(state, event, false);
      state = rendered.state;
      return rendered.lines;
    });
    expect(lines.slice(outage.length)).toEqual(['▸ main', 'a', '✔ passed in 12s']);
  });

  test('nothing is told twice', () => {
    expect(render(false, build(passed), build(passed))).toHaveLength(1);
  });

  test('a log that is replaced is shown whole again, with a word about it', () => {
    expect(render(false, build(running), log('a\nb'), log('a\nc\n', 'x0', 'main', true)).slice(2)).toEqual([
      'a',
      'b',
      '▸ main (its whole log, as the agent kept it)',
      'a',
      'c',
    ]);
  });

  test.each([
    [false, 'red'],
    [true, '\x1b[31mred\x1b[0m'],
  ])('colours: %p; what moves the cursor never gets through', (colour, shown) => {
    const lines = render(colour, build(running), log('10%\r\x1b[2K\x1b[31mred\x07\nnext\x1b[0m line\n'));
    expect(lines[2]).toBe(shown);
    expect(lines[3]).toBe(colour ? '\x1b[31mnext\x1b[0m line\x1b[0m' : 'next line');
  });

  test.each([
    [{ status: 'FAILED', reason: 'timed out' }, '✘ failed in 12s (timed out)'],
    [
      { status: 'FAILED', instructions: [instructionView('m', { status: 'FAILED', exitCode: 3 })] },
      '✘ failed in 12s (m: exit code 3)',
    ],
    [{ status: 'ABORTED', startedAt: null, reason: 'lint failed' }, '■ aborted (lint failed)'],
    [{ status: 'SKIPPED', startedAt: null }, '– skipped'],
  ] as const)('verdict %j', (more, line) => {
    expect(render(false, build({ ...passed, ...more }))).toEqual([line]);
  });

  test('why tasks wait is told in a quiet while, once, and not when they wait for each other', () => {
    const first: TaskSketch = { name: 'a', status: 'TRIGGERED', reason: 'no worker' };
    const second: TaskSketch = { name: 'b', reason: 'waits for "a"', dependsOn: ['x0'] };
    const changed = { ...first, reason: 'all busy' };
    const quiet = { kind: 'quiet' } as const;
    expect(render(false, build(first, second), quiet, quiet, build(changed, second), quiet)).toEqual([
      'a │ no worker',
      'a │ all busy',
    ]);
  });

  test('a hub that is away', () => {
    expect(render(false, { kind: 'lost', reason: 'the connection broke' }, { kind: 'found' })).toEqual([
      'pwagent: the connection broke; trying again for two minutes',
      'pwagent: the hub is back, going on where we were',
    ]);
  });
});

describe('the result', () => {
  const failed = published(
    [
      { ...passed, instructions: [instructionView('main', { status: 'COMPLETED', exitCode: 0, durationMs: 5 })] },
      {
        ...passed,
        name: 'test all',
        status: 'FAILED',
        instructions: [instructionView('unit', { status: 'FAILED', exitCode: 2 })],
      },
      { name: 'deploy', status: 'ABORTED', reason: 'test all failed' },
    ],
    { status: 'FAILED', finishedAt: LATER },
  );

  test('as a table', () => {
    expect(renderResult(failed, false)).toEqual([
      '',
      '  TASK      STATUS     DURATION  FAILED AT',
      '  lint      ✔ passed        12s',
      '  test all  ✘ failed        12s  unit: exit code 2',
      '  deploy    ■ aborted         –  test all failed',
      '',
      'build x failed in 12s  http://hub/builds/x',
    ]);
  });

  test('as an object', () => {
    expect(resultJson(failed)).toMatchObject({
      build: { id: 'x', status: 'FAILED', url: 'http://hub/builds/x' },
      status: 'FAILED',
      tasks: [
        {
          name: 'lint',
          status: 'COMPLETED',
          durationMs: 12_000,
          instructions: [{ name: 'main', exitCode: 0, durationMs: 5 }],
        },
        { name: 'test all', status: 'FAILED' },
        { name: 'deploy', reason: 'test all failed', durationMs: null },
      ],
    });
  });

  test.each([
    [80, '1 running, 1 waiting (no worker), 1 passed · 12s'],
    [20, '1 running, 1 waitin'],
    [0, '1 running, 1 waiting (no worker), 1 passed · 12s'],
  ])('as a progress line for %d columns', (columns, text) => {
    const now = published([running, { ...other, reason: 'no worker' }, passed]);
    expect(progressText(now, Date.parse(LATER), columns)).toBe(text);
  });
});

describe('the bottom line', () => {
  function screen(isTty: boolean) {
    const clock = new FakeClock();
    const written: string[] = [];
    const status = { text: 'first' };
    const output = { write: (text: string) => void written.push(text), isTty, colour: false, columns: 80 };
    return { clock, written, status, screen: createScreen(output, clock, () => status.text) };
  }

  test('moves out of the way, follows the time, and is gone at the end', async () => {
    const { clock, written, status, screen: shown } = screen(true);
    shown.print(['a', 'b']);
    status.text = 'second';
    await clock.advance(1_000);
    await clock.advance(1_000);
    shown.print(['c']);
    shown.close();
    expect(written).toEqual(['a\nb\nfirst', '\r\x1b[2Ksecond', '\r\x1b[2Kc\nsecond', '\r\x1b[2K']);
    expect(clock.pending).toBe(0);
  });

  test('is not there when nobody looks', async () => {
    const { clock, written, screen: shown } = screen(false);
    shown.print(['a']);
    shown.print([]);
    await clock.advance(5_000);
    shown.close();
    expect(written).toEqual(['a\n']);
  });
});
