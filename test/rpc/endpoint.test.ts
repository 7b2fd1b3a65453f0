import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { AppError } from '../../src/lib/errors.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';

test.each([
  ['http://127.0.0.1:7481', '127.0.0.1:7481', false],
  ['http://localhost', 'localhost:80', false],
  ['http://localhost:80/', 'localhost:80', false],
  ['HTTP://Hub.Example:1', 'hub.example:1', false],
  ['http://hub:443', 'hub:443', false],
  ['http://[::1]:7481', '[::1]:7481', false],
  ['https://hub.example', 'hub.example:443', true],
  ['https://hub.example:443/', 'hub.example:443', true],
  ['https://hub.example:80', 'hub.example:80', true],
  ['HttpS://hub.example:8443', 'hub.example:8443', true],
  ['hub.example', 'hub.example:443', true],
  ['hub.example:443', 'hub.example:443', true],
  ['hub.example:7481', 'hub.example:7481', true],
  ['127.0.0.1:7481', '127.0.0.1:7481', true],
  ['localhost:7481', 'localhost:7481', true],
  ['unix:/run/hub.sock', 'unix:/run/hub.sock', false],
])('%s', (text, target, tls) => {
  expect(parseEndpoint(text)).toEqual({ text, target, tls });
});

describe('refused', () => {
  test.each([
    ['', 'is not an address'],
    ['http://', 'is not an address'],
    ['hub:99999', 'is not an address'],
    ['a b:1', 'is not an address'],
    ['http://hub:port', 'is not an address'],
    ['ftp://hub:1', 'has the unknown scheme ftp://'],
    ['grpc://hub:1', 'has the unknown scheme grpc://'],
    ['http://hub:1/api', 'has a path, which gRPC cannot use'],
    ['http://hub:1/?q', 'has a path, which gRPC cannot use'],
    ['http://hub:1#x', 'has a path, which gRPC cannot use'],
    ['hub:1/path', 'has a path, which gRPC cannot use'],
    ['http://me:secret@hub:1', 'has credentials in it'],
  ])('%j', (text, what) => {
    expect(() => parseEndpoint(text)).toThrow(what);
  });

  test('with a remedy', () => {
    expect(() => parseEndpoint('')).toThrow(AppError);
    try {
      parseEndpoint('ftp://x');
    } catch (error) {
      expect((error as AppError).hint).toContain('http://127.0.0.1:7481');
    }
  });

  test('an address with credentials is not repeated', () => {
    expect(() => parseEndpoint('http://me:hunter2@hub:1')).not.toThrow('hunter2');
  });
});

test('arbitrary text gives an endpoint with a port or our error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
      try {
        const { target } = parseEndpoint(text);
        expect(target.startsWith('unix:') || /:\d+$/.test(target)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }),
  );
});
