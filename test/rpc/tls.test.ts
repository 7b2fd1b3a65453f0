import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { AppError } from '../../src/lib/errors.ts';
import { rootsFrom, serverCredentials } from '../../src/rpc/tls.ts';
import { AUTHORITY_FILE, certificate } from '../support/certificates.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('trusted roots', () => {
  test.each([[undefined], ['']])('without a file (%p) the usual ones', (file) => {
    expect(rootsFrom(file)).toEqual([...rootCertificates]);
  });

  test('a file adds to them', () => {
    const roots = rootsFrom(AUTHORITY_FILE);
    expect(roots).toHaveLength(rootCertificates.length + 1);
    expect(roots.at(-1)).toBe(readFileSync(AUTHORITY_FILE, 'utf8'));
  });

  test('a file that is not there is told with its variable', () => {
    expect(() => rootsFrom('/no/such.pem')).toThrow(new AppError('CONFIG', '/no/such.pem cannot be read'));
  });

  test('a file without a certificate is no silent success', () => {
    using folder = tempFolder();
    const file = join(folder.path, 'empty.pem');
    writeFileSync(file, 'hello');
    expect(() => rootsFrom(file)).toThrow(new AppError('CONFIG', `${file} holds no PEM certificate`));
  });
});

describe('what a server shows', () => {
  test('a fitting pair', () => {
    expect(serverCredentials(certificate('loopback'))._isSecure()).toBe(true);
  });

  test('nothing in clear text', () => {
    expect(serverCredentials(undefined)._isSecure()).toBe(false);
  });

  test.each([
    ['the key of another', { ...certificate('loopback'), key: certificate('elsewhere').key }],
    ['no certificate', { ...certificate('loopback'), certificate: '' }],
    ['no key', { ...certificate('loopback'), key: 'hello' }],
    ['the two swapped', { certificate: certificate('loopback').key, key: certificate('loopback').certificate }],
  ])('%s is refused before anything listens', (_name, pair) => {
    expect(() => serverCredentials(pair)).toThrow(
      new AppError('CONFIG', 'the TLS certificate and key do not fit together'),
    );
  });
});
