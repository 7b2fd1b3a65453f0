import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { MASK, Masker } from '../../src/agent/masker.ts';
import { isSensitive, SecretSet } from '../../src/agent/secret-set.ts';

function secretsOf(values: readonly string[]): SecretSet {
  const set = new SecretSet();
  for (const value of values) set.add(value);
  return set;
}

function mask(secrets: readonly string[], chunks: readonly string[]): string {
  const masker = new Masker(secretsOf(secrets));
  const parts = [...chunks.map((chunk) => masker.push(new TextEncoder().encode(chunk))), masker.flush()];
  return Buffer.concat(parts).toString();
}

/** What masking means, without any cleverness: mark all bytes of all occurrences, write a mask for each marked run. */
function reference(secrets: readonly string[], text: string): string {
  let result = '';
  let end = 0; // of the run of overlapping occurrences that was last begun
  for (let at = 0; at < text.length; at += 1) {
    const length = Math.max(
      0,
      ...secrets.filter((secret) => secret !== '' && text.startsWith(secret, at)).map((s) => s.length),
    );
    if (length > 0 && at >= end) result += MASK;
    if (length > 0) end = Math.max(end, at + length);
    if (at >= end) result += text[at];
  }
  return result;
}

test.each([
  [['s3cr3t'], ['a s3cr3t b'], `a ${MASK} b`],
  [['s3cr3t'], ['a s3c', 'r3', 't b'], `a ${MASK} b`],
  [['s3cr3t'], ['a s3c', 'x'], 'a s3cx'],
  [['s3cr3t'], ['ends in s3c'], 'ends in s3c'],
  [['abc', 'bcd'], ['xabcdx'], `x${MASK}x`],
  [['ab', 'abcdef'], ['abc', 'def', 'abx'], `${MASK}${MASK}x`],
  [[''], ['nothing'], 'nothing'],
  [['first-line-xyz\nsecond-line-xyz'], ['> first-line-xyz\n> second-line-xyz'], `> ${MASK}\n> ${MASK}`],
  [['correct horse'], [Buffer.from('correct horse').toString('base64'), ' correct%20horse'], `${MASK} ${MASK}`],
])('%j in %j', (secrets, chunks, expected) => {
  expect(mask(secrets, chunks)).toBe(expected);
});

describe('for any text, secrets and cuts', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
  test('the stream shows what masking the whole text would', () => {
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 4 }), fc.array(letters, { maxLength: 8 }), (secrets, chunks) => {
        expect(mask(secrets, chunks)).toBe(reference(secrets, chunks.join('')));
      }),
      { numRuns: 2_000 },
    );
  });
});

test('without a chance of a secret nothing is held back', () => {
  const masker = new Masker(secretsOf(['xyz']));
  expect(Buffer.from(masker.push(Buffer.from('abc'))).toString()).toBe('abc');
  expect(Buffer.from(masker.push(Buffer.from('dex'))).toString()).toBe('de');
});

test('a secret that is learnt late is hidden from then on', () => {
  const secrets = secretsOf([]);
  const masker = new Masker(secrets);
  expect(Buffer.from(masker.push(Buffer.from('late '))).toString()).toBe('late ');
  secrets.add('late');
  expect(Buffer.from(masker.push(Buffer.from('late '))).toString()).toBe(`${MASK} `);
});

test.each([
  ['DB_PASSWORD', 'v', true],
  ['X_SECRET', 'v', true],
  ['X_TOKEN', 'v', true],
  ['IS_TOKEN', 'x', true],
  ['IS_EMPTY_TOKEN', '', false],
  ['X_ACCESS_KEY', 'v', true],
  ['X_SECRET_KEY', 'v', true],
  ['PASSWORD', 'v', false],
  ['PASSWORD', 'long enough', true],
  ['x_api_key', 'long enough', true],
  ['TOKENIZER', 'long enough', false],
  ['HOME', '/home/somebody', false],
])('%s=%s is sensitive: %p', (name, value, expected) => {
  expect(isSensitive(name, value)).toBe(expected);
});
