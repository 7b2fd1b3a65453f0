import { expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  type DrainWay,
  type IntakeFacts,
  nextIntakeStep,
  type RunnerOrder,
  waitsForJobs,
} from '../../../src/supervisor/runner/intake.ts';

const none: DrainWay = { tag: 'none' };
const now: DrainWay = { tag: 'signal', signal: 'SIGTERM', when: 'at-once' };
const idle: DrainWay = { tag: 'signal', signal: 'SIGINT', when: 'idle' };
const command: DrainWay = { tag: 'command', argv: ['/bin/pause'] };
const back: RunnerOrder = { tag: 'signal', signal: 'SIGCONT' };

const facts = (words: string): IntakeFacts => ({
  wanted: words.includes('close') ? 'closed' : 'open',
  told: words.includes('told') ? 'closed' : 'open',
  ordering: words.includes('ordering'),
  alive: !words.includes('gone'),
  busy: words.includes('busy'),
});

test.each([
  ['nothing to do', '', now, undefined, 'nothing'],
  ['closes at once, busy or not', 'close busy', now, undefined, 'drain'],
  ['closes by command', 'close busy', command, undefined, 'drain'],
  ['a signal that would cancel waits for the job', 'close busy', idle, undefined, 'nothing'],
  ['and comes after it', 'close', idle, undefined, 'drain'],
  ['no way: runs on', 'close', none, undefined, 'nothing'],
  ['told once', 'close told busy', now, undefined, 'nothing'],
  ['one order at a time', 'close ordering', command, undefined, 'nothing'],
  ['nobody to tell', 'close gone', now, undefined, 'nothing'],
  ['back by its own way, busy or not', 'told busy', now, back, 'undrain'],
  ['left meanwhile: a new one, its own way or not', 'told gone', now, back, 'start'],
  ['no way back: a new one, but not beside a job', 'told gone busy', now, undefined, 'nothing'],
  ['no way back, job done: a new one', 'told', command, undefined, 'start'],
  ['a death that was not asked for is for others', 'gone', now, back, 'nothing'],
] as const)('%s', (_title, words, drain, undrain, step) => {
  expect(nextIntakeStep(facts(words), drain, undrain)).toBe(step);
});

test.each([
  ['a signal that would cancel', 'close busy', idle, true],
  ['a new runner', 'told gone busy', now, true],
  ['nothing is left to do', 'close told busy', now, false],
  ['there is no way at all', 'close busy', none, false],
  ['an order is on its way', 'close busy ordering', idle, false],
  ['nobody wants anything', 'busy', idle, false],
  ['no job', 'close', idle, false],
] as const)('waits for jobs: %s', (_title, words, drain, waits) => {
  expect(waitsForJobs(facts(words), drain, undefined)).toBe(waits);
});

test('never acts against the wish, never replaces a runner beside a job', () => {
  const flags = fc.record({
    wanted: fc.constantFrom('open' as const, 'closed' as const),
    told: fc.constantFrom('open' as const, 'closed' as const),
    ordering: fc.boolean(),
    alive: fc.boolean(),
    busy: fc.boolean(),
  });
  fc.assert(
    fc.property(flags, fc.constantFrom(none, now, idle, command), fc.option(fc.constant(back)), (each, drain, way) => {
      const step = nextIntakeStep(each, drain, way ?? undefined);
      if (step === 'drain') expect([each.wanted, each.told, each.alive]).toEqual(['closed', 'open', true]);
      if (step === 'undrain' || step === 'start') expect([each.wanted, each.told]).toEqual(['open', 'closed']);
      if (step === 'start') expect(each.busy).toBe(false);
      if (each.ordering) expect(step).toBe('nothing');
    }),
  );
});
