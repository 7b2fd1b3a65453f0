import { expect, test } from 'bun:test';
import { processEnvironment } from '../../src/platform/environment.ts';
import { bootId, defaultWorkerName, goArch, goOs, hostName } from '../../src/platform/host.ts';
import { randomToken, systemRandom } from '../../src/platform/random.ts';

test.each([
  ['linux', 'linux'],
  ['darwin', 'darwin'],
  ['win32', 'windows'],
])('Go calls %s %s', (ours, gos) => {
  expect(goOs(ours)).toBe(gos);
});

test.each([
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
  ['ia32', '386'],
])('Go calls %s %s', (ours, gos) => {
  expect(goArch(ours)).toBe(gos);
});

test.each([
  ['mini', 'mini'],
  ['mini.local', 'mini'],
  ['mini.lan', 'mini'],
  ['mini.local.lan', 'mini'],
  ['mini.lan.local', 'mini.lan'],
  ['mini.locals', 'mini.locals'],
  ['local', 'local'],
  ['mini.lan.example.com', 'mini.lan.example.com'],
])('the worker on %s is named %s', (host, name) => {
  expect(defaultWorkerName(host)).toBe(name);
});

test('this host has a name', () => {
  expect(hostName()).not.toBe('');
});

test('a boot has one identity', async () => {
  expect(await bootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
  expect(await bootId()).toBe(await bootId());
});

test('tokens are hexadecimal, as long as asked, and differ', () => {
  expect(randomToken()).toMatch(/^[0-9a-f]{64}$/);
  expect(randomToken(4)).toMatch(/^[0-9a-f]{8}$/);
  expect(new Set(Array.from({ length: 1_000 }, () => randomToken(8))).size).toBe(1_000);
});

test('chance is spread over [0, 1)', () => {
  const drawn = Array.from({ length: 2_000 }, systemRandom);
  expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
  expect(new Set(drawn.map((value) => Math.floor(value * 8))).size).toBe(8);
});

test('the environment is a copy', () => {
  const environment = processEnvironment() as Record<string, string>;
  expect(environment.PATH).toBe(process.env.PATH ?? '');
  environment.PATH = 'changed';
  expect(process.env.PATH).not.toBe('changed');
});
