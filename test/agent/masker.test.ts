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

describe('S4: no chunking reveals a secret', () => {
  const secret = fc.string({ unit: 'binary', minLength: 12, maxLength: 60 });
  const around = fc.string({ maxLength: 7 });
  const encodings: readonly (readonly [string, (text: string) => string])[] = [
    ['as it is', (text) => text],
    ['base 64', (text) => Buffer.from(text).toString('base64')],
    ['base 64 for addresses', (text) => Buffer.from(text).toString('base64url')],
    ['percent encoding', (text) => encodeURIComponent(text)],
    ['percent encoding in lower case', (text) => encodeURIComponent(text).replace(/%../g, (c) => c.toLowerCase())],
    ['a form', (text) => new URLSearchParams({ v: text }).toString()],
    ['JSON', (text) => JSON.stringify(text)],
  ];

  /** Cuts bytes at random places. */
  function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
    const at = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
      (a, b) => a - b,
    );
    return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
  }

  test.each(encodings)('%s, whatever stands around it', (_name, encode) => {
    fc.assert(
      fc.property(secret, around, around, fc.array(fc.nat(400), { maxLength: 9 }), (value, before, after, places) => {
        fc.pre(value.isWellFormed() && before.isWellFormed() && after.isWellFormed());
        const masker = new Masker(secretsOf([value]));
        const text = `[${encode(`${before}${value}${after}`)}]`;
        const shown = [...cut(Buffer.from(text), places).map((part) => masker.push(part)), masker.flush()];
        const log = Buffer.concat(shown).toString();
        expect(log).toContain(MASK);
        // at the ends of a group in base 64 a character or two belong to the surroundings as much as to the secret
        const core = encode(value).slice(4, -4);
        if (core.length >= 8) expect(log).not.toContain(core);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['base64, which wraps lines', 76],
    ['openssl base64, which wraps them earlier', 64],
  ])('%s', (_name, width) => {
    const key = Array.from({ length: 20 }, (_value, index) => `line ${index} of a private key`).join('\n');
    const encoded = Buffer.from(key).toString('base64');
    const wrapped = encoded.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
    expect(mask([key], [wrapped.join('\n')])).toBe(wrapped.map(() => MASK).join('\n'));
  });
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
