import { expect, test } from 'bun:test';
import { parseSupervisorConfig } from '../../../src/supervisor/config.ts';
import { planRunner, runnerWarnings } from '../../../src/supervisor/runner/runner-plan.ts';

function worker(text: string) {
  return parseSupervisorConfig(`worker: { mode: command, command: [/bin/sleep, "9"], ${text} }`, 'p.yml').worker;
}

test.each([
  ['', { tag: 'none' }],
  ['busy: { preset: buildkite }', { tag: 'signal', signal: 'SIGTERM', when: 'at-once' }],
  ['busy: { preset: github-actions }', { tag: 'signal', signal: 'SIGINT', when: 'idle' }],
  // whoever writes a signal knows that the runner can take it at any time
  [
    'busy: { preset: github-actions }, drain: { signal: SIGUSR1 }',
    { tag: 'signal', signal: 'SIGUSR1', when: 'at-once' },
  ],
  ['drain: { command: [/bin/sleep, "0"] }', { tag: 'command', argv: ['/bin/sleep', '0'] }],
] as const)('the way to drain of: %s', (text, drain) => expect(planRunner(worker(text)).drain).toEqual(drain));

test('the rest of the plan', () => {
  const plan = planRunner(worker('undrain: { signal: SIGCONT }, busy: { processes: [make] }, progress: { file: /p }'));
  expect(plan).toMatchObject({
    busy: { shape: undefined, patterns: ['make'] },
    undrain: { tag: 'signal', signal: 'SIGCONT' },
    progressFile: '/p',
  });
  expect(planRunner(worker(''))).toMatchObject({ undrain: undefined, progressFile: undefined });
});

test('a machine that can never be busy deserves a warning', () => {
  expect(runnerWarnings(worker(''))).toHaveLength(1);
  expect(runnerWarnings(worker('busy: { preset: gitlab }'))).toEqual([]);
  expect(runnerWarnings(worker('busy: { processes: [make] }'))).toEqual([]);
});
