import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StatusName } from '../../../src/hub/model.ts';
import { brokenNeed, buildStatus, isFinal, type LinkedTask, settle } from '../../../src/hub/scheduler/dependencies.ts';

const task = (id: number, status: StatusName, needs: number[] = [], allowFailures = false): LinkedTask => ({
  id,
  name: `t${id}`,
  status,
  needs,
  allowFailures,
  hold: null,
  gate: null,
});
const moves = (...tasks: LinkedTask[]): (string | number)[][] => settle(tasks).map(({ id, status }) => [id, status]);

describe('what moves on', () => {
  test.each<[string, LinkedTask[], (string | number)[][]]>([
    ['a task that depends on nothing', [task(1, 'CREATED')], [[1, 'TRIGGERED']]],
    ['not one whose dependency runs', [task(1, 'EXECUTING'), task(2, 'CREATED', [1])], []],
    ['one whose dependency completed', [task(1, 'COMPLETED'), task(2, 'CREATED', [1])], [[2, 'TRIGGERED']]],
    ['one whose dependency was skipped', [task(1, 'SKIPPED'), task(2, 'CREATED', [1])], [[2, 'TRIGGERED']]],
    ['not one with a second that runs', [task(1, 'COMPLETED'), task(3, 'SCHEDULED'), task(2, 'CREATED', [1, 3])], []],
    [
      'down the chain behind a failure',
      [task(3, 'CREATED', [2]), task(2, 'CREATED', [1]), task(1, 'FAILED')],
      [
        [2, 'ABORTED'],
        [3, 'ABORTED'],
      ],
    ],
    [
      'at once, whatever else runs',
      [task(1, 'FAILED'), task(2, 'EXECUTING'), task(3, 'CREATED', [1, 2])],
      [[3, 'ABORTED']],
    ],
    ['on when the failed one may fail', [task(1, 'FAILED', [], true), task(2, 'CREATED', [1])], [[2, 'TRIGGERED']]],
    ['nothing that has moved before', [task(1, 'TRIGGERED'), task(2, 'COMPLETED'), task(3, 'FAILED')], []],
  ])('%s', (_title, tasks, expected) => {
    expect(moves(...tasks)).toEqual(expected);
  });

  test('the reason names the task and what became of it', () => {
    expect(
      settle([task(1, 'FAILED'), task(2, 'CREATED', [1]), task(3, 'CREATED', [2])]).map(({ reason }) => reason),
    ).toEqual(['task "t1", which it depends on, failed', 'task "t2", which it depends on, was aborted']);
  });

  test('a build of any shape comes to its end, and every task behind a failure is aborted', () => {
    const shapes = fc.array(fc.record({ needs: fc.array(fc.nat(7)), fails: fc.boolean(), allow: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(shapes, (shape) => {
        let tasks = shape.map(({ needs, allow }, id) =>
          task(
            id,
            'CREATED',
            needs.filter((need) => need < id),
            allow,
          ),
        );
        for (let round = 0; round <= shape.length; round += 1) {
          const changed = new Map(settle(tasks).map((change) => [change.id, change.status]));
          tasks = tasks.map((one) => {
            const status = changed.get(one.id) ?? one.status;
            return {
              ...one,
              status: status === 'TRIGGERED' ? (shape[one.id]?.fails ? 'FAILED' : 'COMPLETED') : status,
            };
          });
        }
        expect(tasks.every(({ status }) => isFinal(status))).toBe(true);
        for (const { status, needs } of tasks) {
          const bad = needs.some((id) => {
            const need = tasks[id];
            return need !== undefined && !need.allowFailures && (need.status === 'FAILED' || need.status === 'ABORTED');
          });
          expect(status === 'ABORTED').toBe(bad);
        }
      }),
    );
  });
});

test.each<[StatusName, [StatusName, boolean?][]]>([
  ['COMPLETED', []],
  ['CREATED', [['TRIGGERED'], ['CREATED']]],
  ['CREATED', [['SCHEDULED'], ['SKIPPED']]],
  ['EXECUTING', [['EXECUTING'], ['CREATED']]],
  ['EXECUTING', [['COMPLETED'], ['TRIGGERED']]],
  ['EXECUTING', [['FAILED'], ['EXECUTING']]],
  ['COMPLETED', [['COMPLETED'], ['SKIPPED']]],
  ['FAILED', [['FAILED'], ['ABORTED']]],
  ['ABORTED', [['COMPLETED'], ['ABORTED']]],
  ['COMPLETED', [['COMPLETED'], ['FAILED', true]]],
  ['COMPLETED', [['ABORTED', true]]],
])('a build is %s with %j', (expected, tasks) => {
  expect(buildStatus(tasks.map(([status, allow = false], id) => task(id, status, [], allow)))).toBe(expected);
});

describe('tasks that wait for people', () => {
  const manual = (id: number, needs: number[], hold: LinkedTask['hold'] = null): LinkedTask => ({
    ...task(id, 'CREATED', needs),
    gate: 'manual',
    hold,
  });

  test('are kept back when their dependencies are met, told once', () => {
    expect(settle([task(1, 'COMPLETED'), manual(2, [1])])).toMatchObject([
      { id: 2, status: 'CREATED', hold: 'manual' },
    ]);
    expect(settle([task(1, 'COMPLETED'), manual(2, [1], 'manual')])).toEqual([]);
    expect(settle([task(1, 'EXECUTING'), manual(2, [1])])).toEqual([]);
    expect(settle([task(1, 'FAILED'), manual(2, [1])])).toMatchObject([{ id: 2, status: 'ABORTED' }]);
  });

  test('do not keep the build open, nor do those behind them', () => {
    const behind = task(3, 'CREATED', [2]);
    expect(buildStatus([task(1, 'COMPLETED'), manual(2, [1], 'manual'), behind])).toBe('COMPLETED');
    expect(buildStatus([task(1, 'FAILED'), manual(2, [], 'manual'), behind])).toBe('FAILED');
    expect(buildStatus([manual(2, [], 'manual'), behind])).toBe('CREATED');
    expect(buildStatus([task(1, 'COMPLETED'), task(2, 'TRIGGERED'), behind])).toBe('EXECUTING');
  });

  test('are the reason why what is behind a broken one cannot run again alone', () => {
    const tasks = [task(1, 'FAILED'), task(2, 'ABORTED', [1]), task(3, 'FAILED', [], true), task(4, 'ABORTED', [3])];
    expect(brokenNeed(2, tasks)?.id).toBe(1);
    expect(brokenNeed(4, tasks)).toBeUndefined();
  });
});
