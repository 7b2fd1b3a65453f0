import { expect, test } from 'bun:test';
import { Secret } from '../../../src/lib/secret.ts';
import { overrideWarning } from '../../../src/worker/configuration/overrides.ts';
import { remarksOn } from '../../../src/worker/configuration/remarks.ts';
import { parseWorkerFile } from '../../../src/worker/configuration/worker-file.ts';

const file = parseWorkerFile(
  'token: secret1\nname: n\nlabels: {rack: 7, same: x}\nresources: {vms: 2}\nrpc: {endpoint: "http://a:1"}\nlog: {level: warn}',
  'w.yml',
  {},
);

/** Weakness 43. */
test('one sentence names every key that is overridden, and by what; no secret', () => {
  const environment = {
    token: { value: new Secret('secret2'), from: 'PWAGENT_TOKEN' },
    name: { value: 'e', from: 'PWAGENT_NAME' },
    rpcEndpoint: { value: 'http://b:2', from: 'PWAGENT_RPC_ENDPOINT' },
  };
  const flags = {
    name: { value: 'f', from: '--name' },
    labels: { value: { rack: '8', same: 'x', more: 'y' }, from: '--labels' },
    resources: { value: { vms: 1 }, from: '--resources' },
    logLevel: { value: 'debug', from: '--debug' },
  };
  expect(overrideWarning('w.yml', file, environment, flags)).toBe(
    'overridden: token of w.yml by PWAGENT_TOKEN, name of w.yml by --name, PWAGENT_NAME by --name, labels.rack of w.yml by --labels, resources.vms of w.yml by --resources, rpc.endpoint of w.yml by PWAGENT_RPC_ENDPOINT, log.level of w.yml by --debug',
  );
});

test('equal values override nothing', () => {
  const same = { name: { value: 'n', from: '--name' }, token: { value: new Secret('secret1'), from: '--token' } };
  expect(overrideWarning('w.yml', file, {}, same)).toBeUndefined();
  expect(overrideWarning('w.yml', {}, {}, same)).toBeUndefined();
});

test('a policy that may not mean what it says', () => {
  const text = 'security:\n  allowed-isolations:\n    none: {}\n    tart:\n    vetu: {allowed-images: []}\n';
  expect(remarksOn(text)).toEqual([
    'security.allowed-isolations.tart has no value, so tart is denied; write "tart: {}" to allow it',
    'security.allowed-isolations.vetu.allowed-images is empty, so any image is allowed',
  ]);
  expect(remarksOn('')).toEqual([]);
  expect(remarksOn('token: x\nsecurity: {}')).toEqual([]);
});
