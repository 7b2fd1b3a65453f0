import { describe, expect, test } from 'bun:test';
import { toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { AppError, describeError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { StandbyInstanceParametersSchema } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import type { WorkerOptions } from '../../../src/worker/configuration/options.ts';
import { resolveWorkerOptions } from '../../../src/worker/configuration/resolve-options.ts';
import type { Settings } from '../../../src/worker/configuration/settings.ts';
import { parseWorkerFile } from '../../../src/worker/configuration/worker-file.ts';

const token = { value: new Secret('t'), from: '--token-file' };

function optionsOf(text: string, settings: Settings = { token }, env = {}): WorkerOptions {
  return resolveWorkerOptions(parseWorkerFile(text, 'w.yml', env), settings, 'host');
}

function problemOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError && error.exitCode === 78) return describeError(error);
    throw error;
  }
  throw new Error('nothing was refused');
}

const standbyOf = (text: string, env = {}) => {
  const { standby } = optionsOf(text, { token }, env);
  return standby === undefined ? undefined : toJson(StandbyInstanceParametersSchema, standby);
};

test('every key of the specification, in exact types', () => {
  const options = optionsOf(`
log: {level: Trace, file: w.log, rotate-size: 1.5GB, max-rotations: 3}
tuning: {vetu: {mtu: 1400}}
resource-modifiers:
- {match: {gpu: 0.5}, append: {run: [--device, 1]}}
- {}
tart-pre-pull: {images: [a, b], check-interval: 3h, jitter: 1h30m}
`);
  expect(options.log).toEqual({ level: 'trace', file: 'w.log', rotateSizeBytes: 1_500_000_000, maxRotations: 3 });
  expect(options.tuning.vetu.mtu).toBe(1400);
  expect(options.resourceModifiers).toEqual([
    { match: { gpu: 0.5 }, append: { run: ['--device', '1'] } },
    { match: {}, append: { run: [] } },
  ]);
  expect(options.tartPrePull).toEqual({ images: ['a', 'b'], checkIntervalMs: 10_800_000, jitterMs: 5_400_000 });
});

test('the defaults', () => {
  const { upstreams, ...options } = optionsOf('');
  expect(upstreams.map(({ endpoint }) => endpoint.text)).toEqual(['http://127.0.0.1:7481']);
  expect(options).toEqual({
    ...{ name: 'host', labels: {}, resources: {}, standby: undefined, tartPrePull: undefined, resourceModifiers: [] },
    log: { level: 'info', file: undefined, rotateSizeBytes: undefined, maxRotations: 0 },
    security: {
      ...{ none: true, parallels: true, container: { allowedImages: [], allowedVolumes: undefined } },
      tart: { allowedImages: [], allowedVolumes: [], forceSoftnet: false, softnetAllow: [] },
      vetu: { allowedImages: [] },
    },
    ...{ tuning: { vetu: { mtu: undefined } }, ephemeral: false, exitOnRefusal: false },
  });
});

test('text stays as it was written, whatever YAML makes of it', () => {
  const { labels, name } = optionsOf('name: 007\nlabels: {xcode: 16.0, on: True, hex: 0x1F, date: 2026-01-02}');
  expect([name, labels]).toEqual(['007', { xcode: '16.0', on: 'True', hex: '0x1F', date: '2026-01-02' }]);
});

test('keys without a value say nothing, where that is harmless', () => {
  const flags = { token, labels: { value: { a: 'b' }, from: '--labels' } };
  const options = optionsOf(
    'name:\nlabels:\nresources:\nlog:\nrpc:\nupstreams:\nresource-modifiers:\ntuning:\n',
    flags,
  );
  expect(options).toMatchObject({ name: 'host', labels: { a: 'b' }, resources: {} });
});

test('anchors and merge keys', () => {
  const text = 'upstreams:\n- &a {token: t, endpoint: "http://a:1"}\n- {<<: *a, endpoint: "http://b:2"}';
  expect(optionsOf(text, {}).upstreams.map(({ endpoint }) => endpoint.target)).toEqual(['a:1', 'b:2']);
});

describe('secrets', () => {
  test('variables are expanded in them, and nowhere else', () => {
    const text = 'token: "a${POOL}$${b}"\nname: ${POOL}\nstandby: {tart: {image: i, password: "${VM}"}}';
    const options = optionsOf(text, {}, { POOL: 'secret', VM: 'guest' });
    expect(options.upstreams[0].token.reveal()).toBe('asecret${b}');
    expect(options.name).toBe('${POOL}');
    expect(standbyOf(text, { POOL: 'secret', VM: 'guest' })).toMatchObject({
      isolation: { tart: { password: 'guest' } },
    });
  });

  test.each(['', undefined])('a variable that is %p is told with its place', (value) => {
    const env = value === undefined ? {} : { POOL: value };
    expect(problemOf(() => parseWorkerFile('a: 1\ntoken: ${POOL}'.slice(5), 'w.yml', env))).toBe(
      "w.yml:1:1: token: the variable POOL is not set in the worker's environment",
    );
  });

  test('they do not show in what is printed', () => {
    expect(Bun.inspect(optionsOf('upstreams: [{token: hunter2}]', {}))).not.toContain('hunter2');
  });
});

describe('upstreams', () => {
  const list = 'upstreams: [{token: a, endpoint: "http://a:1"}, {token: b}]\n';
  test('each has its own token and endpoint', () => {
    const { upstreams } = optionsOf(list, {});
    expect(upstreams.map((one) => [one.token.reveal(), one.endpoint.text])).toEqual([
      ['a', 'http://a:1'],
      ['b', 'http://127.0.0.1:7481'],
    ]);
  });

  test('an empty list counts as absent', () => {
    expect(optionsOf('upstreams: []\ntoken: x', {}).upstreams[0].token.reveal()).toBe('x');
  });

  const endpoint = (value: string) => ({ value, from: 'PWAGENT_RPC_ENDPOINT' });
  // W47: the sentence names keys that exist
  test.each<[string, Settings, string]>([
    [
      `${list}token: x`,
      {},
      'token and upstreams exclude each other; write the token into the entries of upstreams, or leave upstreams out',
    ],
    [list, { token }, '--token-file and upstreams exclude each other'],
    [`${list}rpc: {endpoint: "http://c:3"}`, {}, 'rpc.endpoint and upstreams exclude each other'],
    [list, { rpcEndpoint: endpoint('http://c:3') }, 'PWAGENT_RPC_ENDPOINT and upstreams exclude each other'],
    [`${list}rpc: {endpoint: "https://grpc.cirrus-ci.com:443"}`, {}, 'closed on 1 June 2026'],
    ['upstreams: [{token: a, endpoint: grpc.CIRRUS-CI.com}]', {}, 'closed on 1 June 2026'],
  ])('%s', (text, settings, expected) => {
    expect(problemOf(() => optionsOf(text, settings))).toContain(expected);
  });

  test('the endpoint that is the default anyway may stand beside them', () => {
    expect(optionsOf(`${list}rpc: {endpoint: "http://127.0.0.1:7481"}`, {}).upstreams).toHaveLength(2);
  });
});

describe('standby', () => {
  const machine = { isolation: { tart: { image: 'i', user: 'admin', password: 'admin', cpu: 4, memory: 12288 } } };
  test('the long form, and the form of the documentation (W47)', () => {
    expect(standbyOf('standby: {isolation: {tart: {image: i, cpu: 4, memory: 12}}}')).toEqual(machine);
    expect(standbyOf('standby: {tart: {image: i, cpu: 4, memory: 12}}')).toEqual(machine);
  });

  test('all keys of Tart, resources and warm-up', () => {
    const text = `standby:
  resources: {tart-vms: 1}
  warmup: {script: xcrun simctl list, timeout: 10m}
  isolation:
    tart: {image: i, user: u, password: p, port: 2222, softnet: yes, display: 1920x1080, volumes: [{source: /a, name: n, target: /b, readonly: on}]}`;
    expect(standbyOf(text)).toEqual({
      isolation: {
        tart: {
          ...{ image: 'i', user: 'u', password: 'p', port: 2222, softnet: true, display: '1920x1080' },
          volumes: [{ source: '/a', name: 'n', target: '/b', readOnly: true }],
        },
      },
      resources: { 'tart-vms': 1 },
      warmup: { script: 'xcrun simctl list', timeoutSeconds: '600' },
    });
  });

  test('Vetu', () => {
    expect(standbyOf('standby: {vetu: {image: i, memory: 4g, disk_size: 50, networking: {host: {}}}}')).toEqual({
      isolation: { vetu: { image: 'i', user: 'admin', password: 'admin', memory: 4096, diskSize: 50, host: {} } },
    });
  });

  test('parts of seconds are cut off', () => {
    expect(standbyOf('standby: {vetu: {image: i}, warmup: {script: a, timeout: 1500ms}}')).toMatchObject({
      warmup: { timeoutSeconds: '1' },
    });
  });

  // W27: below standby, too, nothing is ignored
  test.each([
    ['standby: {}', 'w.yml:1:1: standby: expected one machine: isolation with tart or vetu'],
    ['standby:', 'w.yml:1:1: standby: '],
    ['standby: {isolation: {}}', 'expected one machine'],
    [
      'standby: {isolation: {container: {image: a}}}',
      'unknown key "standby.isolation.container"; known keys: tart, vetu',
    ],
    ['standby: {tart: {image: a}, vetu: {image: b}}', 'expected one machine'],
    ['standby: {tart: {imgae: a}}', 'unknown key "standby.tart.imgae"; did you mean "image"?'],
    ['standby: {tart: {image: ""}}', 'standby.tart.image: must not be empty'],
    ['standby: {tart: {image: a, memory: 4x}}', 'standby.tart.memory: "4x" is not an amount of memory'],
    ['standby: {tart: {image: a, port: 65536}}', 'standby.tart.port: expected a whole number from 0 to 65535'],
    ['standby: {tart: {image: a, volumes: [{name: b}]}}', 'standby.tart.volumes.0.source: expected text'],
    ['standby: {tart: {image: a, softnet: maybe}}', 'standby.tart.softnet: expected true or false'],
    ['standby: {tart: {image: a}, warmup: {timeout: 10}}', 'standby.warmup.timeout: expected a duration'],
  ])('%s', (text, expected) => {
    expect(problemOf(() => optionsOf(text))).toContain(expected);
  });
});

describe('what is refused, with its place', () => {
  test.each([
    ['lgo: {}', 'w.yml:1:1: unknown key "lgo"; did you mean "log"?'],
    [
      'log:\n  rotate-size: lots',
      'w.yml:2:3: log.rotate-size: "lots" is not a size; write it like 640 KB, 100 MiB or 1000000',
    ],
    ['log: {max-rotations: -1}', 'log.max-rotations: expected a whole number from 0'],
    ['log: {max-rotations: 1.5}', 'log.max-rotations: expected a whole number from 0'],
    ['log: {level: loud}', 'log.level: expected one of panic, fatal, error, warning, warn, info, debug, trace'],
    ['log: {file: ""}', 'log.file: must not be empty'],
    ['token: a\n---\ntoken: b', 'w.yml:2:1: a second YAML document'],
    ['tart-pre-pull: {lastcheck: 1}', 'unknown key "tart-pre-pull.lastcheck"'],
    ['tart-pre-pull: {check-interval: 10}', 'tart-pre-pull.check-interval: expected a duration'],
    ['tart-pre-pull: {jitter: -1s}', '"-1s" is not a duration'],
    ['resource-modifiers: [{mutex: 1}]', 'unknown key "resource-modifiers.0.mutex"'],
    ['resource-modifiers: [{match: {gpu: -1}}]', 'expected a number from 0'],
    ['resources: {gpu: .nan}', 'resources.gpu: expected a number'],
    ['upstreams: [{endpoint: a}]', 'upstreams.0.token: expected text'],
    ['tuning: {vetu: {mtu: 70000}}', 'tuning.vetu.mtu: expected a whole number from 0 to 65535'],
    ['security: {allowed-isolations: {none: {a: 1}}}', 'unknown key "security.allowed-isolations.none.a"'],
    ['security: {allowed-isolations: {tart: {allowed-volumes: [{source: rel}]}}}', '"rel" can match no path'],
    ['security: {allowed-isolations: {tart: {allowed-volumes: [{source: /a/../b}]}}}', 'can match no path'],
    ['security: {allowed-isolations: {vetu: {foo: []}}}', 'known keys: allowed-images'],
    ['security: {allowed-isolations: {none: {foo: []}}}', '.none.foo"; there is none here; write {}'],
  ])('%s', (text, expected) => {
    expect(problemOf(() => optionsOf(text))).toContain(expected);
  });
});

/** Weakness 46. */
test.each([
  ['640 KB', 640_000],
  ['100 MiB', 104_857_600],
  ['100 MB', 100_000_000],
  ['1.5GB', 1_500_000_000],
  ['1000000', 1_000_000],
  ['2 GiB', 2_147_483_648],
  ['10k', 10_000],
  ['10Ki', 10_240],
  ['0', undefined],
])('log.rotate-size: %s', (size, bytes) => {
  expect(optionsOf(`log: {rotate-size: ${size}}`).log.rotateSizeBytes).toBe(bytes);
});

test('whatever the file holds: options, or our error with exit code 78', () => {
  const words = ['token', 'labels', 'security', 'allowed-isolations', 'tart', 'standby', 'log', 'upstreams', '<<', 'x'];
  const line = fc
    .tuple(
      fc.constantFrom('', '  ', '    ', '- '),
      fc.constantFrom(...words),
      fc.constantFrom(': ', ':', ' ', ': &a ', ': *a '),
    )
    .chain(([indent, word, sign]) =>
      fc
        .constantFrom('', '1', '{}', '[]', '"', 'null', '${X}', '[{}]', '.nan', '---', '!!x')
        .map((value) => indent + word + sign + value),
    );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      try {
        optionsOf(lines.join('\n'));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        expect(error.exitCode).toBe(78);
      }
    }),
    { numRuns: 400 },
  );
});
