import { describe, expect, test } from 'bun:test';
import { create } from '@bufbuild/protobuf';
import { describeError } from '../../../src/lib/errors.ts';
import { IsolationSchema, Platform } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { container, hostOf, none, outcome, parallels, policyOf, tart, vetu } from './policy-support.ts';

const host = hostOf({});
const KINDS = { none: none(), container: container(), tart: tart(), vetu: vetu(), absent: undefined };

/** Specification of the worker, section 8.2; what is absent is the kind `none`. */
describe('kinds', () => {
  test.each([
    [undefined, ['none', 'container', 'tart', 'vetu', 'absent']],
    ['{}', ['none', 'container', 'tart', 'vetu', 'absent']],
    ['{allowed-isolations: {}}', []],
    ['{allowed-isolations: {none: {}, container: {}}}', ['none', 'container', 'absent']],
    ['{allowed-isolations: {tart: {}}}', ['tart']],
    ['{allowed-isolations: {tart: }}', []],
    ['{allowed-isolations: {tart: {force-softnet: true}}}', ['tart']],
    ['{allowed-isolations: {vetu: {}}}', ['vetu']],
    ['{allowed-isolations: {none: , vetu: {}}}', ['vetu']],
  ])('security: %s allows %j', async (security, expected) => {
    const allowed: string[] = [];
    for (const [kind, isolation] of Object.entries(KINDS)) {
      if (typeof (await outcome(policyOf(security), isolation, host)) !== 'string') allowed.push(kind);
    }
    expect(allowed).toEqual([...expected]);
  });

  test('W27: a key that looks strict and is empty is refused', () => {
    const refusal = (security: string) => {
      try {
        return policyOf(security);
      } catch (error) {
        return describeError(error);
      }
    };
    expect(refusal('')).toContain('w.yml:1:1: security: expected a map');
    expect(refusal('{allowed-isolations: }')).toContain('security.allowed-isolations: expected the allowed isolations');
    expect(refusal('{allowed-isolations: {tart: {allowed-images: }}}')).toContain('expected a list of image patterns');
    expect(refusal('{allowed-isolations: {tart: {allowed-volumes: }}}')).toContain('expected a list of volumes');
    expect(refusal('{allowed-isolations: {trat: {}}}')).toContain('did you mean "tart"?');
  });

  test('a refusal tells the kind, what is allowed, and the key to write', async () => {
    const policy = policyOf('{allowed-isolations: {container: {}, tart: {}}}');
    expect(await outcome(policy, undefined, host)).toBe(
      'the security settings of this worker forbid isolation "none": security.allowed-isolations allows container, tart; to allow it, write "none: {}" below security.allowed-isolations in the worker\'s configuration',
    );
    expect(await outcome(policyOf('{allowed-isolations: {}}'), none(), host)).toContain('allows nothing');
  });

  test('an isolation without a kind', async () => {
    expect(await outcome(policyOf(undefined), create(IsolationSchema), host)).toContain('its kind is not known');
  });

  test.each([
    [Platform.DARWIN, 'amd64', true],
    [Platform.LINUX, 'amd64', true],
    [Platform.WINDOWS, 'amd64', false],
    [Platform.DARWIN, 'arm64', false],
  ])('Parallels for platform %i on %s: %p', async (platform, arch, allowed) => {
    const found = await outcome(policyOf(undefined), parallels(platform), hostOf({}, { arch }));
    expect(typeof found !== 'string').toBe(allowed);
  });
});

test('Parallels has to be allowed like any other kind', async () => {
  const policy = policyOf('{allowed-isolations: {tart: {}}}');
  expect(await outcome(policy, parallels(Platform.DARWIN), host)).toContain('isolation "parallels"');
  const allowing = policyOf('{allowed-isolations: {parallels: {}}}');
  expect(await outcome(allowing, parallels(Platform.DARWIN), host)).toMatchObject({ kind: 'parallels' });
});

describe('images', () => {
  test.each([
    ['registry.example/team/*', 'registry.example/team/macos-base:latest', true],
    ['registry.example/team/*', 'other.example/team/macos-base:latest', false],
    ['registry.example/team/*', 'other.example/registry.example/team/x', false],
    ['*', 'anything', true],
    ['Registry.example/*', 'registry.example/a', false],
    // W23: `?` is a character like any other
    ['img?', 'img', false],
    ['img?', 'imgs', false],
    ['img?', 'img?', true],
  ])('pattern %s, image %s: %p, for every kind with images', async (pattern, image, allowed) => {
    const policy = (kind: string) => policyOf(`{allowed-isolations: {${kind}: {allowed-images: ["${pattern}"]}}}`);
    const found = [
      await outcome(policy('tart'), tart({ image }), host),
      await outcome(policy('vetu'), vetu(image), host),
      await outcome(policy('container'), container({ image }), host),
    ];
    expect(found.map((one) => typeof one !== 'string')).toEqual([allowed, allowed, allowed]);
  });

  test('the refusal names the image, the patterns and the key', async () => {
    const policy = policyOf('{allowed-isolations: {tart: {allowed-images: ["a/*", "b"]}}}');
    expect(await outcome(policy, tart({ image: 'c\u001b[0m' }), host)).toContain('is no name of an image');
    expect(await outcome(policy, tart({ image: 'c' }), host)).toBe(
      "the security settings of this worker forbid the image c: security.allowed-isolations.tart.allowed-images allows a/*, b; to allow it, add it to security.allowed-isolations.tart.allowed-images in the worker's configuration",
    );
  });

  test.each(['', '--insecure', 'a\nb'])('%j is no image', async (image) => {
    for (const isolation of [tart({ image }), vetu(image), container({ image })])
      expect(await outcome(policyOf(undefined), isolation, host)).toMatch(/names no image|is no name of an image/);
  });
});

describe('Softnet', () => {
  const rules = 'softnet-allow: [10.0.0.0/8]';
  test.each([
    ['', false, false, []],
    ['', true, true, []],
    ['force-softnet: true', false, true, []],
    [rules, false, false, []],
    [rules, true, true, ['10.0.0.0/8']],
    [`force-softnet: true, ${rules}`, false, true, ['10.0.0.0/8']],
  ])('tart: {%s}, asked for: %p', async (keys, asked, softnet, softnetAllow) => {
    const policy = policyOf(`{allowed-isolations: {tart: {${keys}}}}`);
    expect(await outcome(policy, tart({ softnet: asked }), host)).toMatchObject({
      kind: 'tart',
      softnet,
      softnetAllow,
    });
  });
});

test('engines get the parameters without what the policy decides', async () => {
  const found = await outcome(policyOf(undefined), tart({ cpu: 4, memory: 8192, softnet: true, display: '1x1' }), host);
  expect(found).toEqual({
    ...{ kind: 'tart', mounts: [], softnet: true, softnetAllow: [] },
    parameters: {
      ...{ image: 'macos', user: '', password: '', cpu: 4, memory: 8192, display: '1x1', diskSize: 0, port: 0 },
      ...{ mountTemporaryWorkingDirectoryFromHost: false, syncTimeOverSsh: false, nested: false },
    },
  });
});
