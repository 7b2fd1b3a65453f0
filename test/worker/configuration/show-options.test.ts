import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { z } from 'zod';
import { parseDuration } from '../../../src/lib/duration.ts';
import { workerJsonSchema } from '../../../src/worker/configuration/json-schema.ts';
import { resolveWorkerOptions } from '../../../src/worker/configuration/resolve-options.ts';
import { durationText, showOptions } from '../../../src/worker/configuration/show-options.ts';
import { parseWorkerFile } from '../../../src/worker/configuration/worker-file.ts';

const read = (text: string) => resolveWorkerOptions(parseWorkerFile(text, 'w.yml', {}), {}, 'host');

const FULL = `
name: 007
labels: {xcode: 16.0, "a b": "true"}
resources: {vms: 2, gpu: 0.5}
upstreams: [{token: hunter2, endpoint: "http://a:1"}, {token: hunter2, endpoint: "https://b:2"}]
log: {level: warn, file: w.log, rotate-size: 1 MiB, max-rotations: 2}
security:
  allowed-isolations:
    none: {}
    container: {allowed-volumes: []}
    tart: {allowed-images: [a], allowed-volumes: [{source: "/a/*", force-readonly: true}], force-softnet: true, softnet-allow: [10.0.0.0/8]}
standby:
  tart: {image: i, password: hunter2, memory: 12, volumes: [{source: /a, name: n}]}
  resources: {vms: 1}
  warmup: {script: s, timeout: 90s}
tart-pre-pull: {images: [i], check-interval: 90m, jitter: 1500ms}
resource-modifiers: [{match: {gpu: 0.5}, append: {run: [--x]}}]
tuning: {vetu: {mtu: 1400}}
`;

test('what is printed is a file that means the same, without its secrets', () => {
  const shown = showOptions(read(FULL));
  expect(shown).not.toContain('hunter2');
  expect(Bun.inspect(read(shown), { depth: 20 })).toBe(
    Bun.inspect(read(FULL.replaceAll('hunter2', '"***"')), { depth: 20 }),
  );
});

test('defaults are spelled out; one server needs no list; a token that is missing is not shown as one', () => {
  const shown = showOptions(read('token: t'));
  expect(shown).toContain('token: "***"\nrpc:\n  endpoint: http://127.0.0.1:7481\n');
  expect(shown).toContain('level: info');
  expect(showOptions(read('token: t'), false)).not.toContain('token');
});

test('durations are exact', () => {
  fc.assert(
    fc.property(fc.nat(400_000_000), (ms) => {
      expect(parseDuration(durationText(ms))).toBe(ms);
    }),
  );
});

test('the schema for editors knows every key, and no other', () => {
  const schema = workerJsonSchema() as {
    properties: Record<string, { description?: string }>;
    additionalProperties: boolean;
  };
  expect(Object.keys(schema.properties)).toEqual([
    ...['token', 'name', 'labels', 'resources', 'rpc', 'upstreams', 'log', 'security', 'standby'],
    ...['tart-pre-pull', 'resource-modifiers', 'tuning'],
  ]);
  expect(schema.additionalProperties).toBe(false);
  for (const [key, { description }] of Object.entries(schema.properties))
    expect([key, description]).toEqual([key, expect.any(String)]);
  const fromSchema = z.fromJSONSchema(schema as never);
  expect(fromSchema.safeParse({ token: 'a', log: { level: 'info' }, resources: { a: 1 } }).success).toBe(true);
  expect(fromSchema.safeParse({ tokn: 'a' }).success).toBe(false);
  expect(fromSchema.safeParse({ resources: { a: -1 } }).success).toBe(false);
  expect(fromSchema.safeParse({ security: { 'allowed-isolations': { tart: { 'allowed-image': [] } } } }).success).toBe(
    false,
  );
});
