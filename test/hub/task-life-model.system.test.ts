import { expect, test } from 'bun:test';
import { randomInt } from 'node:crypto';
import { tryLives } from './task-life-trial.ts';

const LIVES = 12;

// the full number is tried by test/deep.ts
test('whatever workers, agents, people and hubs do, the promises of a task hold', async () => {
  expect(await tryLives(LIVES, randomInt(2 ** 31))).toContain(`${LIVES}`);
}, 120_000);
