import { describe, expect, test } from 'bun:test';
import { pathOf, type Route, routeOf } from '../../../src/hub/web/route.ts';
import { agoText, elapsedText, lookOf, pairsText, progressText, taskToShow } from '../../../src/hub/web/view-text.ts';
import { taskView } from '../../support/memory-hub.ts';

const AT = '2026-01-01T00:00:00.000Z';
const atMs = Date.parse(AT);

test.each([
  [0, 'just now'],
  [59_000, 'just now'],
  [60_000, '1 minute ago'],
  [7_200_000, '2 hours ago'],
  [3 * 86_400_000, '3 days ago'],
  [-5_000, 'just now'],
])('%d ms later it was %s', (ms, text) => {
  expect(agoText(AT, atMs + ms)).toBe(text);
});

test.each([
  [null, null, ''],
  [AT, null, '1m 30s'],
  [AT, '2026-01-01T00:00:05.000Z', '5s'],
  ['2026-01-01T00:05:00.000Z', null, '0s'],
])('from %p to %p it took %j', (from, to, text) => {
  expect(elapsedText(from, to, atMs + 90_000)).toBe(text);
});

describe('tasks', () => {
  const [waiting, running, failed, done] = [
    taskView('b', 0, { name: 'waiting' }),
    taskView('b', 1, { name: 'running', status: 'EXECUTING' }),
    taskView('b', 2, { name: 'failed', status: 'FAILED', finishedAt: AT }),
    taskView('b', 3, { name: 'done', status: 'COMPLETED', finishedAt: AT }),
  ];
  test.each([
    [[waiting, running, failed, done], 'failed', '2 of 4 tasks done'],
    [[waiting, running, done], 'running', '1 of 3 tasks done'],
    [[done], 'done', '1 task'],
    [[done, failed], 'failed', '2 tasks'],
    [[], undefined, '0 tasks'],
  ])('%#: the one to show, and how far they are', (tasks, shown, progress) => {
    expect(taskToShow(tasks)?.name).toBe(shown as string);
    expect(progressText(tasks)).toBe(progress);
  });
});

test('statuses and pairs in words', () => {
  expect(lookOf('COMPLETED')).toEqual({ tone: 'passed', word: 'passed' });
  expect(lookOf('TRIGGERED').tone).toBe('waiting');
  expect(pairsText({ os: 'linux', arch: 'amd64' })).toBe('arch=amd64, os=linux');
  expect(pairsText({})).toBe('');
});

test.each([
  ['/', { view: 'builds' }],
  ['/workers', { view: 'workers' }],
  ['/builds/7', { view: 'build', buildId: '7', taskId: undefined }],
  ['/builds/7/tasks/a%2Fb', { view: 'build', buildId: '7', taskId: 'a/b' }],
] as const)('%s is a view, there and back', (path, route) => {
  expect(routeOf(path)).toEqual(route as Route);
  expect(pathOf(route)).toBe(path);
});

test('an unknown path shows the builds', () => {
  expect(routeOf('/x/y')).toEqual({ view: 'builds' });
});
