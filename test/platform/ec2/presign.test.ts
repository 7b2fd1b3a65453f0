import { expect, test } from 'bun:test';
import { Secret } from '../../../src/lib/secret.ts';
import { presignUrl } from '../../../src/platform/ec2/presign.ts';

const CREDENTIALS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
};
const AT_MS = Date.UTC(2013, 4, 24);

test('the example that the API reference gives', () => {
  const request = {
    ...({ method: 'GET', url: 'https://examplebucket.s3.amazonaws.com/test.txt' } as const),
    ...{ region: 'us-east-1', expiresSeconds: 86_400 },
  };
  const signed = new URL(presignUrl(request, CREDENTIALS, AT_MS));
  expect(Object.fromEntries(signed.searchParams)).toEqual({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
    'X-Amz-Date': '20130524T000000Z',
    'X-Amz-Expires': '86400',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  });
});

test('length, session token and query are part of what is signed', () => {
  const request = {
    ...({ method: 'PUT', url: 'https://s3.example/b/k?uploadId=a%2Fb&partNumber=1', contentLength: 7 } as const),
    ...{ region: 'r', expiresSeconds: 60 },
  };
  const session = { ...CREDENTIALS, sessionToken: new Secret('tok en') };
  const signatureOf = (over: object, credentials = session) =>
    new URL(presignUrl({ ...request, ...over }, credentials, AT_MS)).searchParams.get('X-Amz-Signature');
  const signed = new URL(presignUrl(request, session, AT_MS)).searchParams;
  expect(signed.get('X-Amz-SignedHeaders')).toBe('content-length;host');
  expect([signed.get('X-Amz-Security-Token'), signed.get('uploadId')]).toEqual(['tok en', 'a/b']);
  const changed = [
    { contentLength: 8 },
    { contentLength: undefined },
    { url: 'https://s3.example/b/k' },
    { method: 'GET' },
    { expiresSeconds: 61 },
  ];
  const all = [{}, ...changed].map((over) => signatureOf(over));
  expect(new Set(all).size).toBe(all.length);
  expect(presignUrl(request, session, AT_MS)).not.toContain('EXAMPLEKEY');
});
