import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Secret } from '../../../src/lib/secret.ts';
import { encodeRfc3986, signRequest, type Unsigned } from '../../../src/platform/ec2/sigv4.ts';

const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY') };
const AT_MS = Date.UTC(2015, 7, 30, 12, 36, 0);
const VANILLA: Unsigned = {
  method: 'GET',
  url: 'https://example.amazonaws.com/',
  headers: {},
  body: '',
  region: 'us-east-1',
  service: 'service',
};
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const UTF8_FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };

const signatureOf = (request: Unsigned, credentials = KEY, atMs = AT_MS) =>
  /Signature=([0-9a-f]{64})$/.exec(signRequest(request, credentials, atMs).authorization ?? '')?.[1];

/** AWS's own test suite for Signature Version 4, and the examples of its documentation. */
describe('published signatures', () => {
  test.each([
    ['get-vanilla', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', { method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'post-x-www-form-urlencoded',
      { method: 'POST', headers: FORM, body: 'Param1=value1' },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
    [
      'get-vanilla-query-order-key-case',
      { url: 'https://example.amazonaws.com/?Param2=value2&Param1=value1' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-query-order-value',
      { url: 'https://example.amazonaws.com/?Param1=value2&Param1=value1' },
      '5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694',
    ],
    [
      'get-header-value-trim',
      { headers: { 'My-Header1': ' value1', 'My-Header2': ' "a   b   c"' } },
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    [
      'ListUsers, as documented',
      { url: 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08', service: 'iam', headers: UTF8_FORM },
      '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    ],
  ])('%s', (_name, change, signature) => expect(signatureOf({ ...VANILLA, ...change })).toBe(signature));

  test('ListUsers by POST, as documented in 2011', () => {
    const request = {
      ...VANILLA,
      method: 'POST',
      url: 'http://iam.amazonaws.com/',
      service: 'iam',
      headers: UTF8_FORM,
      body: 'Action=ListUsers&Version=2010-05-08',
    };
    expect(signRequest(request, KEY, Date.UTC(2011, 8, 9, 23, 36, 0)).authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ced6826de92d2bdeed8f846f0bf508e8559e98e4b0199114b84c54174deb456c',
    );
  });
});

test('what is sent: time, token and signature, and no host', () => {
  const sent = signRequest({ ...VANILLA, headers: FORM }, { ...KEY, sessionToken: new Secret('token') }, AT_MS);
  expect(Object.keys(sent).sort()).toEqual(['authorization', 'content-type', 'x-amz-date', 'x-amz-security-token']);
  expect(sent['x-amz-date']).toBe('20150830T123600Z');
  expect(sent.authorization).toContain('SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,');
});

test('the signature changes with each input', () => {
  const secret = (value: string) => ({ ...KEY, secretAccessKey: new Secret(value) });
  const different = fc.tuple(fc.string({ minLength: 1 }), fc.string({ minLength: 1 })).filter(([a, b]) => a !== b);
  const word = fc.tuple(fc.stringMatching(/^[a-z0-9]{1,9}$/), fc.stringMatching(/^[a-z0-9]{1,9}$/));
  const differentWord = word.filter(([a, b]) => a !== b);
  const changes: ((value: string) => string | undefined)[] = [
    (body) => signatureOf({ ...VANILLA, body }),
    (value) => signatureOf(VANILLA, secret(value)),
  ];
  fc.assert(fc.property(different, fc.constantFrom(...changes), ([a, b], sign) => expect(sign(a)).not.toBe(sign(b))));
  const wordChanges: ((value: string) => string | undefined)[] = [
    (method) => signatureOf({ ...VANILLA, method }),
    (region) => signatureOf({ ...VANILLA, region }),
    (service) => signatureOf({ ...VANILLA, service }),
    (host) => signatureOf({ ...VANILLA, url: `https://h${host}.example/` }),
    (path) => signatureOf({ ...VANILLA, url: `https://example/${path}` }),
    (name) => signatureOf({ ...VANILLA, url: `https://example/?${name}=1` }),
    (value) => signatureOf({ ...VANILLA, url: `https://example/?a=${value}` }),
    (name) => signatureOf({ ...VANILLA, headers: { [`x-${name}`]: '1' } }),
    (value) => signatureOf({ ...VANILLA, headers: { 'x-header': value } }),
    (token) => signatureOf(VANILLA, { ...KEY, sessionToken: new Secret(token) } as typeof KEY),
  ];
  fc.assert(
    fc.property(differentWord, fc.constantFrom(...wordChanges), ([a, b], sign) => expect(sign(a)).not.toBe(sign(b))),
  );
  const seconds = fc.integer({ min: 0, max: 4_000_000_000 });
  fc.assert(
    fc.property(seconds, fc.integer({ min: 1, max: 100_000_000 }), (at, later) =>
      expect(signatureOf(VANILLA, KEY, at * 1_000)).not.toBe(signatureOf(VANILLA, KEY, (at + later) * 1_000)),
    ),
  );
});

test.each([
  ['AZaz09-_.~', 'AZaz09-_.~'],
  [" !'()*", '%20%21%27%28%29%2A'],
  ['a+b&c=d/ü', 'a%2Bb%26c%3Dd%2F%C3%BC'],
])('%j is encoded', (text, encoded) => expect(encodeRfc3986(text)).toBe(encoded));
