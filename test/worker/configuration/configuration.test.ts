import { describe, expect, test } from 'bun:test';
import { AppError, describeError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { resolveWorkerOptions } from '../../../src/worker/configuration/resolve-options.ts';
import type { Settings } from '../../../src/worker/configuration/settings.ts';
import { parseWorkerFile } from '../../../src/worker/configuration/worker-file.ts';
import { collectAmounts, collectLabels } from '../../../src/worker/flags.ts';
import { allLabels } from '../../../src/worker/labels.ts';

function problemOf(run: () => unknown): { text: string; exit: number } {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return { text: describeError(error), exit: error.exitCode };
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the file', () => {
  test('takes all keys, and scalars of any kind where text is wanted', () => {
    const text =
      'token: t\nname: 123\nlabels: {rack: 7, on: true}\nresources: {tart-vms: 2, gpu: 0.5}\nrpc: {endpoint: "http://h:1"}\nlog: {level: WARNING, file: w.log}\n';
    expect(parseWorkerFile(text, 'w.yml', {})).toMatchObject({
      name: '123',
      labels: { rack: '7', on: 'true' },
      resources: { 'tart-vms': 2, gpu: 0.5 },
      rpc: { endpoint: 'http://h:1' },
      log: { level: 'warning', file: 'w.log' },
    });
  });

  test.each([
    ['tokn: a', 'w.yml:1:1: unknown key "tokn"; did you mean "token"?'],
    ['rpc:\n  endpont: x', 'w.yml:2:3: unknown key "rpc.endpont"; did you mean "endpoint"?'],
    ['token: ""', 'w.yml:1:1: token: must not be empty'],
    ['labels: [a]', 'w.yml:1:1: labels: expected a map of labels'],
    ['labels:\n  a: 1\n  os: plan9', 'w.yml:3:3: labels.os: reserved; the worker sets it by itself; use another label'],
    ['labels: {name: x}', 'w.yml:1:10: labels.name: reserved; set the name with --name or the key "name"'],
    ['resources: {gpu: lots}', 'w.yml:1:13: resources.gpu: expected a number'],
    ['resources: {gpu: -1}', 'w.yml:1:13: resources.gpu: expected a number from 0 to 1000000000'],
    ['resources: {gpu: .inf}', 'w.yml:1:13: resources.gpu: expected a number'],
    [
      'log: {level: loud}',
      'w.yml:1:7: log.level: expected one of panic, fatal, error, warning, warn, info, debug, trace',
    ],
    ['token: a\ntoken: b', 'w.yml:2:1: Map keys must be unique'],
  ])('%s', (text, expected) => {
    expect(problemOf(() => parseWorkerFile(text, 'w.yml', {}))).toEqual({ text: expected, exit: 78 });
  });
});

describe('flags and file', () => {
  test('W43: flags beat the file, labels and resources merge key by key', () => {
    const file = parseWorkerFile('token: f\nname: f\nlabels: {a: f, b: f}\nresources: {x: 1, y: 1}', 'w.yml', {});
    const flags = {
      name: { value: 'flag', from: '--name' },
      token: { value: new Secret('flag'), from: '--token' },
      labels: { value: { b: 'flag' }, from: '--labels' },
      resources: { value: { y: 2 }, from: '--resources' },
      rpcEndpoint: { value: 'http://hub:9', from: '--rpc-endpoint' },
    };
    const options = resolveWorkerOptions(file, flags, 'host');
    expect(options).toMatchObject({ name: 'flag', labels: { a: 'f', b: 'flag' }, resources: { x: 1, y: 2 } });
    expect(options.upstreams[0].endpoint.target).toBe('hub:9');
    expect(options.upstreams[0].token.reveal()).toBe('flag');
  });

  test('the defaults are the host name and the hub on this machine', () => {
    const options = resolveWorkerOptions({ token: new Secret('t') }, {}, 'host');
    expect(options).toMatchObject({ name: 'host', labels: {}, resources: {}, log: { level: 'info' } });
    expect(options.upstreams[0].endpoint.text).toBe('http://127.0.0.1:7481');
  });

  const token = { value: new Secret('t'), from: '--token' };
  const rpcEndpoint = (value: string) => ({ value, from: '--rpc-endpoint' });
  test.each<[string, Settings, string]>([
    ['no token', {}, 'no registration token'],
    [
      'the closed service',
      { token, rpcEndpoint: rpcEndpoint('https://grpc.cirrus-ci.com:443') },
      'closed on 1 June 2026',
    ],
    ['a bad endpoint', { token, rpcEndpoint: rpcEndpoint('ftp://x') }, 'unknown scheme ftp://'],
    [
      'a name that no header can hold',
      { token, name: { value: 'Mäc', from: '--name' } },
      'the name "Mäc" cannot be sent',
    ],
    ['an empty name', { token, name: { value: '', from: '--name' } }, 'the name "" cannot be sent'],
    ['a token of two lines', { token: { value: new Secret('a\nb'), from: 'PWAGENT_TOKEN' } }, 'no token has'],
    ['a reserved label (W44)', { token, labels: { value: { arch: 'x' }, from: '--labels' } }, '"arch" is reserved'],
  ])('refuses %s', (_name, flags, expected) => {
    const problem = problemOf(() => resolveWorkerOptions({}, flags, 'host'));
    expect(problem.text).toContain(expected);
    expect(problem.exit).toBe(78);
  });

  test('key=value flags may be repeated and comma-separated', () => {
    expect(collectLabels('c=3,a=4', collectLabels('a=1,b=x=y'))).toEqual({ a: '4', b: 'x=y', c: '3' });
    expect(collectAmounts('gpu=0.5,vms=2')).toEqual({ gpu: 0.5, vms: 2 });
  });

  test.each([
    [() => collectLabels('a'), '"a" is not of the form key=value'],
    [() => collectLabels('=1'), '"=1" is not of the form key=value'],
    [() => collectAmounts('gpu=lots'), '"lots" is not a number from 0 up'],
    [() => collectAmounts('gpu='), '"" is not a number from 0 up'],
    [() => collectAmounts('gpu=-1'), '"-1" is not a number from 0 up'],
  ])('refuses malformed flags %#', (run, expected) => {
    const problem = problemOf(run);
    expect(problem.text).toContain(expected);
    expect(problem.exit).toBe(64);
  });
});

test('reserved labels cannot be replaced by the user', () => {
  const labels = allLabels(
    'mac-1',
    { version: '1.2.3', commit: 'abc' },
    { rack: '7', os: 'plan9' },
    { instanceId: 'i-1', ephemeral: false },
  );
  expect(labels).toMatchObject({
    name: 'mac-1',
    version: '1.2.3-abc',
    rack: '7',
    os: process.platform,
    'instance-id': 'i-1',
  });
});
