import { describe, expect, test } from 'bun:test';
import { createLogger, LOG_LEVELS } from '../../src/lib/log.ts';
import { Secret } from '../../src/lib/secret.ts';

function capture(options: { level?: string; format?: 'text' | 'json'; colour?: boolean } = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    format: 'json',
    colour: false,
    ...options,
    write: (line) => lines.push(line),
  });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

test('a line for machines holds time, level, message and fields, and is written before the call returns', () => {
  const { logger, lines, last } = capture();
  logger.info('task started', { taskId: '7', attempt: 2 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toEndWith('}\n');
  expect(last()).toMatchObject({ level: 30, msg: 'task started', taskId: '7', attempt: 2 });
  expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('a child logger adds its fields to each line, its own child too', () => {
  const { logger, last } = capture();
  const child = logger.child({ component: 'worker' }).child({ taskId: '7' });
  child.warn('slow', { durationMs: 5 });
  expect(last()).toMatchObject({ level: 40, component: 'worker', taskId: '7', durationMs: 5 });
  logger.info('other');
  expect(last().component).toBeUndefined();
});

test('a secret never shows, however deep it lies', () => {
  const { logger, lines } = capture();
  logger.error('refused', { token: new Secret('hunter2'), deep: { list: [new Secret('hunter2')] } });
  expect(lines.join()).not.toContain('hunter2');
  expect(lines.join()).toContain('"token":"***"');
});

describe('levels', () => {
  const counts = (level: string) => {
    const { logger, lines } = capture({ level });
    for (const name of ['debug', 'info', 'warn', 'error'] as const) logger[name](name);
    return lines.length;
  };
  test.each([
    ['trace', 4],
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['warning', 2],
    ['error', 1],
    ['fatal', 0],
    ['panic', 0],
    ['no such level', 3],
  ])('%s lets %i of debug, info, warn, error through', (level, shown) => {
    expect(counts(level)).toBe(shown);
  });

  test('every documented name is known', () => {
    expect(Object.keys(LOG_LEVELS)).toEqual(['panic', 'fatal', 'error', 'warning', 'warn', 'info', 'debug', 'trace']);
  });
});

describe('lines for people', () => {
  test('time, level, message and fields; odd values are quoted', () => {
    const { logger, lines } = capture({ format: 'text' });
    logger.warn('disk low', { path: '/data', free: 12, why: 'two words', empty: '', quote: 'a"b', list: [1] });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d warn {2}disk low path=\/data free=12 why="two words" empty="" quote="a\\"b" list=\[1\]\n$/,
    );
  });

  test('a value cannot begin a line of its own', () => {
    const { logger, lines } = capture({ format: 'text' });
    logger.info('said', { text: 'a\n12:00:00 error forged' });
    expect(lines[0]?.split('\n')).toHaveLength(2);
  });

  test('colours only when wanted', () => {
    const plain = capture({ format: 'text' });
    const coloured = capture({ format: 'text', colour: true });
    plain.logger.error('x', { a: 1 });
    coloured.logger.error('x', { a: 1 });
    expect(plain.lines.join()).not.toContain('\x1b[');
    expect(coloured.lines.join()).toContain('\x1b[31merror\x1b[0m x');
  });

  test('fields named like the parts of a line do no harm', () => {
    const { logger, lines } = capture({ format: 'text' });
    logger.info('said', { level: 99, msg: 'other', time: 'never' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toEndWith('\n');
  });
});
