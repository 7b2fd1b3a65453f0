import { expect, test } from 'bun:test';
import { createSlots } from '../../../src/hub/source/slots.ts';
import { settle } from '../../support/fake-clock.ts';

const NEVER = new AbortController().signal;

test('no more than asked for run at once; the rest wait in order, and too many are refused', async () => {
  const slots = createSlots(1, 2);
  const order: string[] = [];
  const release = await slots.take(NEVER);
  const leaving = new AbortController();
  const waiting = [
    slots.take(leaving.signal).then(
      () => void order.push('first'),
      (error: unknown) => void order.push(String(error)),
    ),
    slots.take(NEVER).then((free) => {
      order.push('second');
      return free;
    }),
  ];
  expect(await slots.take(NEVER).catch(String)).toContain('too many clones wait');
  leaving.abort('left');
  await settle();
  expect(order).toEqual(['left']);
  release();
  release(); // giving back twice frees one slot only
  const free = await waiting[1];
  expect(order).toEqual(['left', 'second']);
  const next = slots.take(NEVER).then(() => order.push('third'));
  await settle();
  expect(order).toHaveLength(2);
  if (typeof free === 'function') free();
  await next;
  expect(order[2]).toBe('third');
});
