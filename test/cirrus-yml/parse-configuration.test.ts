import { describe, expect, test } from 'bun:test';
import type { JsonValue } from '@bufbuild/protobuf';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { tasksToJson } from '../../src/cirrus-yml/tasks-json.ts';

interface TaskJson {
  readonly name: string;
  readonly localGroupId?: string;
  readonly requiredGroups?: readonly string[];
  readonly status?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly metadata: {
    readonly uniqueLabels?: readonly string[];
    readonly properties: Readonly<Record<string, string>>;
  };
  readonly commands: readonly (Readonly<Record<string, JsonValue>> & { readonly name: string })[];
  readonly instance: Readonly<Record<string, JsonValue>>;
}

function parse(
  text: string,
  environment: Readonly<Record<string, string>> = {},
  affectedFiles: string[] = [],
): TaskJson[] {
  const { tasks, problems } = parseConfiguration({ text, environment, affectedFiles });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return tasksToJson(tasks) as unknown as TaskJson[];
}

function one(text: string, environment?: Readonly<Record<string, string>>): TaskJson {
  const [task, ...others] = parse(text, environment);
  expect(others).toEqual([]);
  if (task === undefined) throw new Error('no task');
  return task;
}

const PW = 'persistent_worker: {}\n';
const names = (text: string, environment?: Readonly<Record<string, string>>) =>
  parse(text, environment).map(({ name }) => name);

test('a whole task, as it goes over the wire', () => {
  const text = `
defaults: &defaults
  timeout_in: 90s
  environment: {LANG: C}
smoke_task:
  <<: *defaults
  alias: tests
  persistent_worker:
    labels: {os: darwin, pool: "$POOL"}
    resources: {tart-vms: 0.5}
    isolation: {none: {}}
  environment: {COUNT: 1_000}
  server_background_script: ./serve
  script:
    - make $COUNT
    - make test
  always:
    clean_script: rm -rf out
  on_failure:
    notes_file: {path: "$LANG/notes", from_contents: failed}
`;
  expect(one(text, { POOL: 'blue' })).toEqual({
    name: 'smoke',
    environment: { LANG: 'C', COUNT: '1_000' },
    metadata: {
      properties: {
        alias: 'tests',
        allow_failures: 'false',
        experimental: 'false',
        indexWithinBuild: '0',
        timeout_in: '90',
        trigger_type: 'AUTOMATIC',
      },
    },
    commands: [
      { name: 'clone', cloneInstruction: {} },
      { name: 'server', backgroundScriptInstruction: { scripts: ['./serve'] } },
      { name: 'main', scriptInstruction: { scripts: ['make $COUNT', 'make test'] } },
      { name: 'clean', executionBehaviour: 'ALWAYS', scriptInstruction: { scripts: ['rm -rf out'] } },
      {
        name: 'notes',
        executionBehaviour: 'ON_FAILURE',
        fileInstruction: { destinationPath: 'C/notes', fromContents: 'failed' },
      },
    ],
    instance: {
      '@type': 'type.googleapis.com/org.cirruslabs.ci.services.cirruscigrpc.PersistentWorkerInstance',
      labels: { os: 'darwin', pool: 'blue' },
      resources: { 'tart-vms': 0.5 },
    },
  });
});

describe('nothing to do is no mistake', () => {
  test.each(['', '# later\n', '---\n', '---\n# later\n'])('%j', (text) => {
    expect(parseConfiguration({ text, environment: {} })).toEqual({
      tasks: [],
      problems: [],
      foreign: [],
      plan: [],
      encrypted: [],
    });
  });
});

describe('names of tasks', () => {
  test.each([
    ['from the key', `${PW}task: {}\nlint_task: {}\nsmoketask: {}\na__task: {}\n`, ['main', 'lint', 'smoke', 'a_']],
    ['from name, with variables', `${PW}env: {V: 2}\nx_task: {name: "unit $V"}\n`, ['unit 2']],
    ['an empty name does not count', `${PW}x_task: {name: ""}\n`, ['x']],
    ['the same key twice is two tasks', `${PW}task: {name: a}\ntask: {name: b}\n`, ['a', 'b']],
    [
      'a matrix multiplies, the first varies slowest',
      `task:\n  name: $A$B\n  env: {matrix: [{A: 1}, {A: 2}]}\n  persistent_worker: {labels: {matrix: {B: 1, B: 2}}}\n  matrix: [{env: {B: x}}, {env: {B: y}}]\n`,
      ['1x', '1y', '1x', '1y', '2x', '2y', '2x', '2y'],
    ],
    [
      'a matrix in a template counts where it is used',
      `.t: &t\n  matrix: [{name: a}, {name: b}]\ntask: {<<: *t, persistent_worker: {}}\n`,
      ['a', 'b'],
    ],
    [
      'a matrix inside a variant',
      `${PW}task:\n  matrix:\n    - name: a\n    - matrix: {name: b, name: c}\n`,
      ['a', 'b', 'c'],
    ],
  ])('%s', (_title, text, expected) => {
    expect(names(text)).toEqual(expected);
  });
});

describe('variables', () => {
  test.each<[string, string, Record<string, string>, Record<string, string>]>([
    [
      'text as written',
      `${PW}task: {env: {A: yes, B: 1.20, C: ~, D: , E: 0x10}}\n`,
      {},
      { A: 'yes', B: '1.20', C: '~', D: '', E: '0x10' },
    ],
    ['a list is lines', `${PW}task: {env: {A: [x, ~, y]}}\n`, {}, { A: 'x\ny' }],
    ['a list of maps', `${PW}env: [{A: 1}, {A: 2, B: 3}]\ntask: {}\n`, {}, { A: '2', B: '3' }],
    ['the task wins over the root', `${PW}env: {A: 1, B: 1}\ntask: {env: {B: 2}}\n`, {}, { A: '1', B: '2' }],
    [
      'env wins over environment at the root',
      `${PW}env: {A: e}\nenvironment: {A: n, B: n}\ntask: {}\n`,
      {},
      { A: 'e', B: 'n' },
    ],
    [
      'the spelling of the task brings its root along',
      `${PW}env: {A: e}\nenvironment: {A: n}\ntask: {environment: {B: t}}\n`,
      {},
      { A: 'n', B: 't' },
    ],
    ['what is outside is not stored', `${PW}task: {env: {A: $X}}\n`, { X: '1', A: '2' }, { A: '$X' }],
    [
      'merged before: the task wins',
      `x: &x {env: {A: x, B: x}}\n${PW}task: {<<: *x, env: {A: t}}\n`,
      {},
      { A: 't', B: 'x' },
    ],
    [
      'merged after: the template wins',
      `x: &x {env: {A: x, B: x}}\n${PW}task: {env: {A: t}, <<: *x}\n`,
      {},
      { A: 'x', B: 'x' },
    ],
    [
      'the first of several merged maps wins',
      `x: [&a {A: a}, &b {A: b, B: b}]\n${PW}task: {env: {<<: [*a, *b]}}\n`,
      {},
      { A: 'a', B: 'b' },
    ],
    ['a map merged in place', `${PW}task: {env: {<<: {A: a}, B: b}}\n`, {}, { A: 'a', B: 'b' }],
    [
      'a machine sets CIRRUS_OS',
      'task: {persistent_worker: {isolation: {tart: {image: a}}}}\n',
      {},
      { CIRRUS_OS: 'darwin' },
    ],
    ['a bare worker takes it away', `env: {CIRRUS_OS: x}\n${PW}task: {}\n`, {}, {}],
  ])('%s', (_title, text, outside, expected) => {
    expect(one(text, outside).environment ?? {}).toEqual(expected);
  });
});

describe('variables in values', () => {
  test.each([
    ['$A ${A} %A%', 'v v v'],
    ['$B', 'v'],
    ['$AB', 'vB'],
    ['$AX', 'longer name first'],
    ['${AB}', '${AB}'],
    ['$NONE', '$NONE'],
    ['$OUT', 'outside'],
  ])('%s is %s', (name, expected) => {
    const env = { A: 'v', AX: 'longer name first', B: '${A}', OUT: 'file' };
    expect(
      one(`${PW}task:\n  env: ${JSON.stringify(env)}\n  name: ${JSON.stringify(name)}\n`, { OUT: 'outside' }).name,
    ).toBe(expected);
  });
});

describe('instructions', () => {
  const commandsOf = (lines: string) => one(`task:\n  persistent_worker: {}\n${lines}`).commands.slice(1);
  test.each<[string, string, JsonValue[]]>([
    [
      'a block of lines',
      '  script: |\n    a\n    b\n',
      [{ name: 'main', scriptInstruction: { scripts: ['a', 'b', ''] } }],
    ],
    [
      'a line with a colon',
      '  a_script:\n    - note: this\n    -\n',
      [{ name: 'a', scriptInstruction: { scripts: ['note: this'] } }],
    ],
    [
      'PowerShell',
      '  a_script: [ps: dir]\n',
      [
        {
          name: 'a',
          scriptInstruction: { scripts: ['powershell.exe -OutputFormat Text -NoLogo -EncodedCommand ZABpAHIA'] },
        },
      ],
    ],
    [
      'a cache is uploaded at the end',
      '  npm_cache: {folder: ~/.npm, fingerprint_script: cat lock}\n  script: x\n',
      [
        { name: 'npm', cacheInstruction: { folders: ['$HOME/.npm'], fingerprintScripts: ['cat lock'] } },
        { name: 'main', scriptInstruction: { scripts: ['x'] } },
        { name: "Upload 'npm' cache", uploadCacheInstruction: { cacheName: 'npm' } },
      ],
    ],
    [
      'a cache is uploaded by hand',
      '  a_cache: {folder: a}\n  upload_caches: a\n  always: {b_cache: {folder: b}}\n',
      [
        { name: 'a', cacheInstruction: { folders: ['a'], reuploadOnChanges: true } },
        { name: "Upload 'a' cache", uploadCacheInstruction: { cacheName: 'a' } },
        { name: 'b', executionBehaviour: 'ALWAYS', cacheInstruction: { folders: ['b'], reuploadOnChanges: true } },
      ],
    ],
    [
      'artifacts',
      '  artifacts: {paths: [a, b], type: t}\n',
      [{ name: 'binary', artifactsInstruction: { paths: ['a', 'b'], type: 't' } }],
    ],
    [
      'a file from a variable',
      '  file: {path: p, variable_name: $V}\n',
      [{ name: 'file', fileInstruction: { destinationPath: 'p', fromEnvironmentVariable: 'V' } }],
    ],
    [
      'a repeated key: the last one, at its place',
      '  a_script: 1\n  b_script: 2\n  a_script: 3\n',
      [
        { name: 'b', scriptInstruction: { scripts: ['2'] } },
        { name: 'a', scriptInstruction: { scripts: ['3'] } },
      ],
    ],
    [
      'on_timeout and on_success',
      '  on_timeout: {a_script: x}\n  on_success: {b_script: y}\n',
      [
        { name: 'a', executionBehaviour: 'ON_TIMEOUT', scriptInstruction: { scripts: ['x'] } },
        { name: 'b', scriptInstruction: { scripts: ['y'] } },
      ],
    ],
  ])('%s', (_title, lines, expected) => {
    expect(commandsOf(lines) as unknown as JsonValue[]).toEqual(expected);
  });

  test('an own clone takes the place of the default one', () => {
    const { commands } = one(`${PW}task: {a_script: x, clone_script: y}\n`);
    expect(commands.map(({ name }) => name)).toEqual(['a', 'clone']);
  });
});

describe('of several instances the last one in the task counts', () => {
  test.each([
    ['task: {container: {image: a}, persistent_worker: {labels: {a: b}}}\n'],
    ['container: {image: a}\ntask: {persistent_worker: {labels: {a: b}}}\n'],
    ['task: {persistent_worker: {labels: {a: c}}, container: {image: a}, persistent_worker: {labels: {a: b}}}\n'],
  ])('%j', (text) => {
    expect(one(text).instance.labels).toEqual({ a: 'b' });
  });
});

describe('time limits in seconds', () => {
  test.each([
    ['30', '1800'],
    ['30m', '1800'],
    ['90S', '90'],
    ['2h', '7200'],
    ['$LIMIT', '300'],
  ])('%s is %s', (written, expected) => {
    expect(one(`${PW}task: {timeout_in: ${written}}\n`, { LIMIT: '5' }).metadata.properties.timeout_in).toBe(expected);
  });
});

describe('memory in MiB', () => {
  test.each([
    ['8', 8192],
    ['99', 101_376],
    ['100', 100],
    ['512Mb', 512],
    ['2gi', 2048],
  ])('%s is %d', (written, expected) => {
    const { instance } = one(`task: {persistent_worker: {isolation: {tart: {image: a, memory: ${written}}}}}\n`);
    expect(instance).toMatchObject({ isolation: { tart: { memory: expected, user: 'admin', password: 'admin' } } });
  });
});

describe('which tasks run, and after which', () => {
  const three = `${PW}a_task: {alias: x}\nb_task: {alias: x, env: {N: "[a, b]"}}\n`;
  test.each([
    ['by name', `${three}c_task: {depends_on: b}\n`, ['1']],
    ['by alias, all of them', `${three}c_task: {depends_on: x}\n`, ['0', '1']],
    ['twice is once', `${three}c_task: {depends_on: [b, x, a]}\n`, ['0', '1']],
    ['by a variable that holds a list', `${three}c_task: {env: {N: "[b, a]"}, depends_on: $N}\n`, ['0', '1']],
  ])('%s', (_title, text, expected) => {
    expect(parse(text).at(-1)?.requiredGroups).toEqual(expected);
  });

  test('only_if leaves a task out, and its number too', () => {
    const text = `${PW}only_if: $CIRRUS_TASK_NAME != 'a' || $TAG != ''\na_task: {}\nb_task: {depends_on: a}\n`;
    expect(parse(text)).toMatchObject([
      { name: 'b', localGroupId: '1', metadata: { properties: { indexWithinBuild: '0' } } },
    ]);
    expect(names(text, { TAG: '1' })).toEqual(['a', 'b']);
  });

  test('an empty only_if is none', () => expect(names(`${PW}task: {only_if: ""}\n`)).toEqual(['main']));

  test('skip keeps the task', () => {
    const [task] = parse(`${PW}task:\n  skip: changesInclude('docs/**')\n`, {}, ['docs/a.md']);
    expect(task?.status).toBe('SKIPPED');
  });

  test('allow_failures and a side branch are properties', () => {
    const text = `${PW}task:\n  allow_failures: $A == 'b'\n  env: {A: b}\n`;
    const { properties } = one(text, { CIRRUS_BRANCH: 'x', CIRRUS_DEFAULT_BRANCH: 'main' }).metadata;
    expect(properties).toMatchObject({ allow_failures: 'true', auto_cancellation: 'true' });
  });

  test('tasks of one name are told apart by what differs, secrets left out', () => {
    const text = `${PW}env: {S: same}\ntask: {env: {A: 1, K: "ENCRYPTED[x]"}}\ntask: {env: {A: 2}}\nb_task: {env: {A: 3}}\n`;
    expect(parse(text).map(({ metadata }) => metadata.uniqueLabels)).toEqual([['A:1'], ['A:2'], undefined]);
  });
});
