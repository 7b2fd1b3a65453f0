import { expect, test } from 'bun:test';
import { inspect } from 'node:util';
import { Secret } from '../../src/lib/secret.ts';

const secret = new Secret('hunter2');

test('a secret is read only on purpose', () => {
  expect(secret.reveal()).toBe('hunter2');
});

test.each([
  ['text', `${secret}`],
  ['concatenation', `${['a', secret]}`],
  ['JSON', JSON.stringify({ secret, list: [secret] })],
  ['inspection', inspect({ secret }, { depth: 9, showHidden: true })],
  ['Bun inspection', Bun.inspect({ secret })],
  ['its properties', Object.values(secret).join() + Object.getOwnPropertyNames(secret).join()],
  ['a clone', JSON.stringify(Object.assign({}, secret))],
])('it does not show in %s', (_name, shown) => {
  expect(shown).not.toContain('hunter2');
});
