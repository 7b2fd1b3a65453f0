import { describe, expect, test } from 'bun:test';
import {
  checkExposure,
  defaultDataFolder,
  formatListen,
  parseListen,
  parsePublicUrl,
  readCertificate,
} from '../../src/hub/hub-options.ts';
import type { AppError } from '../../src/lib/errors.ts';

test.each([
  ['127.0.0.1:7480', { host: '127.0.0.1', port: 7480 }],
  ['hub.local:0', { host: 'hub.local', port: 0 }],
  ['[::1]:65535', { host: '::1', port: 65_535 }],
])('listen on %s', (text, expected) => {
  expect(parseListen(text, '--listen')).toEqual(expected);
  expect(formatListen(expected)).toBe(text);
});

test.each(['', '7480', 'host', 'host:', 'host:70000', '::1:7480', 'http://host:1', 'host:1/x', '[host]:1'])(
  'not an address: %j',
  (text) => {
    expect(() => parseListen(text, '--grpc')).toThrow(`--grpc "${text}" is not an address to listen on`);
  },
);

describe('--public-url', () => {
  test.each([
    ['https://hub.example', 'https://hub.example'],
    ['http://10.0.0.5:7480/ci/', 'http://10.0.0.5:7480/ci'],
  ])('%s', (text, expected) => {
    expect(parsePublicUrl(text)).toBe(expected);
  });
  test.each(['hub.example', 'ftp://hub', 'https://hub/?x', 'https://hub/#x'])('%s is refused', (text) => {
    expect(() => parsePublicUrl(text)).toThrow('is not a web address');
  });
});

test.each([
  [{ HOME: '/h' }, 'linux', '/h/.local/state/pwagent-hub'],
  [{ HOME: '/h', XDG_STATE_HOME: '/s' }, 'linux', '/s/pwagent-hub'],
  [{ HOME: '/h', XDG_STATE_HOME: '/s' }, 'darwin', '/h/Library/Application Support/pwagent-hub'],
])('data of %j on %s', (env, os, expected) => {
  expect(defaultDataFolder(env, os)).toBe(expected);
});

test('without a home, --data is asked for', () => {
  expect(() => defaultDataFolder({}, 'linux')).toThrow('HOME is not set');
});

describe('TLS', () => {
  test('is off without its flags', async () => {
    expect(await readCertificate(undefined, undefined)).toBeUndefined();
  });
  test.each([
    [undefined, 'k', 'USAGE', '--tls-cert is missing'],
    ['c', undefined, 'USAGE', '--tls-key is missing'],
    ['/nowhere/c', '/nowhere/k', 'CONFIG', '--tls-cert /nowhere/c cannot be read (ENOENT)'],
  ])('cert %s, key %s: %s', async (cert, key, code, message) => {
    await expect(readCertificate(cert, key)).rejects.toMatchObject({ code, message });
  });
});

describe('clear text beyond this machine', () => {
  const local = { host: '127.0.0.1', port: 1 };
  const open = { host: '0.0.0.0', port: 1 };
  const certificate = { certificate: 'c', key: 'k' };
  test.each([
    ['loopback alone', { listen: local, grpc: local }, false, undefined],
    ['HTTP beyond', { listen: open, grpc: local }, false, '--listen 0.0.0.0:1'],
    ['gRPC beyond', { listen: local, grpc: { host: '::', port: 2 } }, false, '--grpc [::]:2'],
    ['a name', { listen: { host: 'hub.example', port: 3 }, grpc: local }, false, '--listen hub.example:3'],
    ['with TLS', { listen: open, grpc: open, certificate }, false, undefined],
    ['on purpose', { listen: open, grpc: open }, true, undefined],
  ] as const)('%s', (_title, options, allowed, refused) => {
    const run = () => checkExposure({ certificate: undefined, ...options }, allowed);
    if (refused === undefined) expect(run).not.toThrow();
    else expect(run).toThrow(`${refused} can be reached from other machines`);
  });

  test('is a matter of configuration: exit 78', () => {
    try {
      checkExposure({ listen: open, grpc: local }, false);
      throw new Error('not refused');
    } catch (error) {
      expect((error as AppError).exitCode as number).toBe(78);
    }
  });
});
