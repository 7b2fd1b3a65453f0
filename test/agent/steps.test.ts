import { describe, expect, test } from 'bun:test';
import { commandRange, shouldRun } from '../../src/agent/steps.ts';
import { Command_CommandExecutionBehavior as Behaviour } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { script } from '../support/fake-agent-server.ts';

describe('the range of commands', () => {
  const commands = ['a', 'b', 'c', 'd'].map((name) => script(name, []));
  // specification of the agent, 13.12
  test.each([
    ['', '', 'abcd'],
    ['X', 'Y', 'abcd'],
    ['a', '', 'abcd'],
    ['a', 'a', ''],
    ['b', 'b', ''],
    ['d', 'd', ''],
    ['', 'a', ''],
    ['b', '', 'bcd'],
    ['d', '', 'd'],
    ['', 'b', 'a'],
    ['', 'c', 'ab'],
    ['', 'd', 'abc'],
  ])('from %j to %j', (from, to, expected) => {
    expect(
      commandRange(commands, from, to)
        .map(({ name }) => name)
        .join(''),
    ).toBe(expected);
  });

  test('backwards is a mistake', () => {
    expect(() => commandRange(commands, 'c', 'a')).toThrow('comes before');
  });

  test('of several with one name the last counts', () => {
    expect(commandRange([script('a', []), script('b', []), script('a', [])], 'a', '')).toHaveLength(1);
  });
});

const { ON_SUCCESS, ON_FAILURE, ALWAYS, ON_TIMEOUT } = Behaviour;

test.each([
  [ON_SUCCESS, { failed: false }, true],
  [ON_SUCCESS, { failed: true }, false],
  [ON_SUCCESS, { timedOut: true }, true], // to fail at once: nothing else has noticed
  [ON_FAILURE, { failed: false }, false],
  [ON_FAILURE, { failed: true }, true],
  [ON_FAILURE, { failed: true, timedOut: true }, true],
  [ON_FAILURE, { failed: true, cancelled: true }, false],
  [ALWAYS, { failed: true, cancelled: true }, true],
  [ALWAYS, {}, true],
  [ON_TIMEOUT, { failed: true }, false],
  [ON_TIMEOUT, { timedOut: true }, true],
  [99 as Behaviour, { failed: true }, false],
])('behaviour %p with %j runs: %p', (behaviour, progress, expected) => {
  expect(shouldRun(behaviour, { failed: false, timedOut: false, cancelled: false, ...progress })).toBe(expected);
});
