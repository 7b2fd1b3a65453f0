import { describe, expect, test } from 'bun:test';
import { remoteEnvironment } from '../../../src/hub/source/remote-environment.ts';
import {
  ANY_REPOSITORY,
  allowedRepository,
  parseRepositoryPattern,
  repositoryKey,
} from '../../../src/hub/source/repository-policy.ts';
import { AppError } from '../../../src/lib/errors.ts';

const ACME = ['https://github.com/acme/*', 'https://*.corp.example/*'];

describe('which repositories a hub may fetch', () => {
  test.each([
    ['https://github.com/acme/app.git', ACME, true],
    ['HTTPS://GITHUB.COM/acme/app.git', ACME, true],
    ['https://git.corp.example/x/y', ACME, true],
    ['https://github.com/other/app.git', ACME, false],
    ['http://github.com/acme/app.git', ACME, false],
    ['https://github.com.evil.example/acme/app', ACME, false],
    ['https://evil.example/x.corp.example/y', ACME, false],
    ['https://github.com:8443/acme/app', ACME, false],
    ['https://github.com/acme/../other/app', ACME, false],
    ['https://token@github.com/acme/app', ACME, false],
    ['https://github.com/acme/app?x=1', ACME, false],
    ['ssh://git@github.com/acme/app', ANY_REPOSITORY, false],
    ['ext::sh -c id', ANY_REPOSITORY, false],
    ['--upload-pack=id', ANY_REPOSITORY, false],
    ['/srv/git/app', ANY_REPOSITORY, false],
    ['file:///srv/git/app', ANY_REPOSITORY, true],
    ['file:///srv/git/app', ACME, false],
    ['http://127.0.0.1:8080/o/r', ANY_REPOSITORY, true],
    ['http://169.254.169.254/latest/meta-data', ANY_REPOSITORY, false],
    ['http://[fe80::1]/o/r', ANY_REPOSITORY, false],
    ['http://metadata.google.internal/o/r', ANY_REPOSITORY, false],
    ['http://169.254.169.254/o/r', ['http://169.254.169.254/o/*'], true],
    ['https://github.com/acme/app', [], false],
    [`https://github.com/acme/${'a'.repeat(3000)}`, ACME, false],
  ] as const)('%s by %j: %p', (url, patterns, allowed) => {
    const run = () => allowedRepository(url, patterns);
    if (allowed) expect(run()).toBe(new URL(url).href);
    else expect(run).toThrow(AppError);
  });

  test.each(['github.com/acme', 'ssh://x/*', '*', ''])('the pattern %j is refused', (pattern) => {
    expect(() => parseRepositoryPattern(pattern)).toThrow('is not a pattern');
  });
});

test.each([
  ['https://github.com/acme/app.git', 'github.com/acme/app'],
  ['https://github.com/acme/app/', 'github.com/acme/app'],
  ['github.com/acme/app', 'github.com/acme/app'],
  ['file:///srv/git/app.git', '/srv/git/app'],
])('%s is known as %s', (text, key) => {
  expect(repositoryKey(text)).toBe(key);
});

test('git is told to follow no redirect, to speak no other protocol, and gets the token in no argument', () => {
  const values = remoteEnvironment('https://h/o/r', 'tok', { SSL_CERT_FILE: '/ca.pem' });
  const settings = Object.fromEntries(
    Array.from({ length: Number(values.GIT_CONFIG_COUNT) }, (_none, index) => [
      values[`GIT_CONFIG_KEY_${index}`],
      values[`GIT_CONFIG_VALUE_${index}`],
    ]),
  );
  expect(settings).toMatchObject({
    'protocol.allow': 'never',
    'protocol.https.allow': 'always',
    'http.followRedirects': 'false',
    'http.sslCAInfo': '/ca.pem',
    'http.https://h/o/r.extraHeader': `Authorization: Basic ${Buffer.from('x-access-token:tok').toString('base64')}`,
  });
});
