import { describe, expect, test } from 'bun:test';
import { parseBoxed, select } from '../../../src/agent/vault/boxed-value.ts';

// specification of the agent, 5.5 and 13.11
describe('a boxed value', () => {
  test.each(['', 'VAULT[', 'plain', 'VAULT[p s', ' VAULT[p s]', 'vault[p s]'])('%j is an ordinary one', (text) => {
    expect(parseBoxed(text)).toBeUndefined();
  });

  test.each([
    'VAULT[]',
    'VAULT[p]',
    'VAULT[p sel extra]',
    'VAULT[p some.]',
    'VAULT[p .some]',
    'VAULT[p a..b]',
    'VAULT[p arg=value]',
    'VAULT[p s arg=]',
    'VAULT[p s =value]',
    'VAULT[p s a=b=c]',
    'VAULT[p  s]',
    'VAULT[ s]',
  ])('%s is invalid', (text) => {
    expect(() => parseBoxed(text)).toThrow('is no value of a Vault');
  });

  test('has a path, a selector and arguments that add up', () => {
    expect(parseBoxed('VAULT[kv/data/p data.a.b a=1 a=2 b=3]')).toEqual({
      path: 'kv/data/p',
      selector: ['data', 'a', 'b'],
      args: [
        ['a', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
      cached: true,
    });
    expect(parseBoxed('VAULT_NOCACHE[p s]')?.cached).toBe(false);
  });
});

describe('the selector', () => {
  const data = { scalar: 'text', number: 7, list: ['x'], extra: { second_key: 'nested', map: { b: 1, a: '2' } } };
  test.each([
    ['scalar', 'text'],
    ['extra.second_key', 'nested'],
    ['extra.map', '{"b":1,"a":"2"}'],
  ])('%s is %s', (selector, text) => {
    expect(select(data, selector.split('.'))).toBe(text);
  });

  test.each(['scalar.x', 'missing', 'number', 'list', 'extra.missing', 'toString'])('%s is invalid', (selector) => {
    expect(() => select(data, selector.split('.'))).toThrow();
  });
});
