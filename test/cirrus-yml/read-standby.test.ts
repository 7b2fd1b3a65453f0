import { describe, expect, test } from 'bun:test';
import { toJson } from '@bufbuild/protobuf';
import { readStandby } from '../../src/cirrus-yml/read-standby.ts';
import { StandbyInstanceParametersSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';

test('E41: a machine that stands by', () => {
  const { parameters, problems } = readStandby(`resources: {tart-vms: 1}
isolation:
  tart: {image: "macos-base:latest", cpu: 4, memory: 12}
warmup: {script: xcrun simctl list, timeout: 10m}
`);
  expect(problems).toEqual([]);
  expect(parameters === undefined ? undefined : toJson(StandbyInstanceParametersSchema, parameters)).toEqual({
    isolation: { tart: { image: 'macos-base:latest', user: 'admin', password: 'admin', cpu: 4, memory: 12288 } },
    resources: { 'tart-vms': 1 },
    warmup: { script: 'xcrun simctl list', timeoutSeconds: '600' },
  });
});

test('nothing is expanded, and parts of seconds are cut off', () => {
  const { parameters } = readStandby('isolation: {vetu: {image: $X}}\nwarmup: {script: a, timeout: 1500ms}\n');
  expect(parameters?.isolation?.type.value).toMatchObject({ image: '$X' });
  expect(parameters?.warmup?.timeoutSeconds).toBe(1n);
});

describe('mistakes', () => {
  test.each([
    ['', '1:1 the stand-by machine has no isolation'],
    ['a', '1:1 the stand-by machine is text'],
    ['resources: {a: 1}\n', '1:1 the stand-by machine has no isolation'],
    ['isolation: {container: {image: a}}\n', '1:1 only Tart and Vetu machines can stand by'],
    ['isolation: {tart: {image: a}}\nwarmup: {timeout: 10}\n', '2:10 timeout: "10" is not a duration'],
    ['isolation: {tart: {image: a}}\nwarmup: {timeout: -1s}\n', '2:10 timeout: "-1s" is not a duration'],
    ['isolation: {tart: {image: a}}\nwarmup: x\n', '2:1 "warmup" must be a map, not text'],
    ['isolation: [\n', '1:12 this bracket is not closed'],
  ])('%j', (text, expected) => {
    const { parameters, problems } = readStandby(text);
    expect(parameters).toBeUndefined();
    expect(problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([expected]);
  });
});
